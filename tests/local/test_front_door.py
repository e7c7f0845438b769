"""What a newcomer runs and reads, held against the code."""

import csv
import io
import json
import re
import subprocess
from pathlib import Path

import pytest

from listmonk_py.local import up

ROOT = Path(__file__).resolve().parent.parent.parent


def test_every_environment_variable_is_documented_and_no_other():
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', (ROOT / "listmonk_py" / "settings.py").read_text()))
    documented = set(re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))

    assert documented == read - {"TESTING"}  # for the processes that tests start


def test_the_procfile_and_up_run_the_same_processes(tmp_path):
    procfile = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())

    names = {program.name for program in up.programs(up.Options(base_dir=ROOT, data_dir=tmp_path))}

    assert names == set(procfile) - {"release"}


def test_the_catcher_runs_again_as_the_last_time_until_it_is_refused(tmp_path):
    def asked(catcher: bool | None, port: int = 1025) -> up.Options:
        given = up.Options(
            ROOT, tmp_path, catcher=catcher, catcher_smtp_port=port, catcher_rules=Path("/r.json")
        )
        return up.remember_catcher(given)

    assert not asked(None).catcher
    assert asked(True, 2525).catcher
    again = up.remember_catcher(up.Options(ROOT, tmp_path))
    assert (again.catcher, again.catcher_smtp_port, again.catcher_rules) == (True, 2525, Path("/r.json"))
    assert not asked(False).catcher
    assert not asked(None).catcher


def test_the_shipped_file_has_a_thousand_rows_and_the_people_the_catcher_knows():
    text = (ROOT / "demo" / "subscribers.csv").read_text("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    rules = json.loads((ROOT / "demo" / "catcher-rules.json").read_text())

    assert len(rows) == 1000
    addresses = [(row["email"] or "").strip().lower() for row in rows]
    assert len(set(addresses)) < len(addresses)
    for special in rules["refuse"] + rules["defer_once"]:
        assert addresses.count(special) == 1
    domains = {address.rpartition("@")[2].rstrip(".>") for address in addresses if address.count("@") == 1}
    assert all(re.search(r"(^|[.-])example\.(com|org|net)$", domain) or not domain for domain in domains)


@pytest.mark.parametrize(
    ("python", "words"),
    [("python2.7", "is not a Python 3.11 to 3.14"), ("/bin/false", "is not a Python 3.11 to 3.14")],
)
def test_setup_without_a_usable_python_says_what_is_missing(tmp_path, python, words):
    for name in (".ci/setup", "requirements.txt", "requirements-bootstrap.txt"):
        target = tmp_path / name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    (tmp_path / ".ci" / "setup").chmod(0o755)

    done = subprocess.run(
        [tmp_path / ".ci" / "setup", "requirements.txt"],
        env={"PATH": "/usr/bin:/bin", "PYTHON": python},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 1
    assert words in done.stderr
    assert not (tmp_path / ".venv").exists()
