"""How fast subscribers are imported: rows a second, and beside it a bare COPY of the same file in the same run.

    .venv/bin/python bench/import.py [rows]

Prints one JSON line per case: `start` (a file of one row: what a process costs before it imports), `fresh`
(nobody is known yet), `again` (everybody is), `overwrite` (everybody is known and gets another name).
`ratio` is to the COPY into a table without an index, which does nothing of what an import does.
`python_us` and `postgres_us` are CPU microseconds per row, which a busy machine distorts less than times;
`peak_rss_mb` is the importing process's, Django included.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from listmonk_py.local import ports, postgres, saved  # noqa: E402


def write_csv(path: Path, rows: int, *, name: str) -> None:
    with path.open("w") as out:
        out.write("email,name,attributes\n")
        for n in range(rows):
            attribs = f'{{""city"": ""Town {n % 997}"", ""points"": {n}, ""plan"": ""basic""}}'
            out.write(f'{n * 7919 % rows:x}.person{n}@example{n % 211}.com,{name} {n},"{attribs}"\n')


def copy_bare(url: str, path: Path) -> float:
    """Seconds for COPY of the file into a table without indexes."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bare (email text, name text, attribs jsonb)")
        started = time.perf_counter()
        with path.open("rb") as source, cursor.copy("COPY bare FROM STDIN (FORMAT csv, HEADER)") as copy:
            while block := source.read(1 << 16):
                copy.write(block)
        return time.perf_counter() - started


def make_list(url: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO subscribers_list (id, uuid, name, type, optin, status, tags, description, updated_at)"
            " VALUES (1, gen_random_uuid(), 'x', 'private', 'single', 'active', '{}', '', now())"
        )


def manage(*arguments: str) -> None:
    subprocess.run(
        [sys.executable, "manage.py", *arguments, "--skip-checks"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def main(rows: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="listmonk-py-bench-"))
    server = saved.Server(ports.free_port(28500), secrets.token_hex(8))
    cluster = postgres.Postgres(folder / "pg")
    try:
        with (folder / "log").open("wb") as log:
            cluster.create(server.password)
            cluster.start(server, output=log)
        url = f"postgres://listmonk:{server.password}@127.0.0.1:{server.port}/listmonk"
        os.environ.update(DATABASE_URL=url, DATA_DIR=str(folder / "data"), LOG_LEVEL="WARNING")
        manage("migrate")
        run(folder, url, rows, int((folder / "pg" / "postmaster.pid").read_text().split()[0]))
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


def run(folder: Path, url: str, rows: int, postmaster: int) -> None:
    first, second, one = folder / "first.csv", folder / "second.csv", folder / "one.csv"
    write_csv(first, rows, name="Person")
    write_csv(second, rows, name="Somebody else")
    write_csv(one, 1, name="One")
    bare_s = copy_bare(url, first)
    make_list(url)
    start = measured(one, 1, [], bare_s, postmaster, case="start")
    for case, path, more in (
        ("fresh", first, []),
        ("again", first, []),
        ("overwrite", second, ["--overwrite-info", "--overwrite-status", "--status", "confirmed"]),
    ):
        measured(path, rows, more, bare_s, postmaster, case=case, start=start)


def measured(
    path: Path,
    rows: int,
    more: list[str],
    bare_s: float,
    postmaster: int,
    *,
    case: str,
    start: tuple[float, float] = (0.0, 0.0),
) -> tuple[float, float]:
    """Import `path`, print a line; the seconds of wall clock and of Python's CPU."""
    command = [sys.executable, "manage.py", "import_subscribers", str(path), "--list", "1", "--skip-checks"]
    before_s, started = cpu_of_ended_children(postmaster), time.perf_counter()
    process = subprocess.Popen([*command, *more], cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"The import ended with {status}.")
    took_s, python_s = time.perf_counter() - started, usage.ru_utime + usage.ru_stime
    postgres_s = cpu_of_ended_children(postmaster) - before_s
    importing_s = max(took_s - start[0], 0.001)
    line = {
        "case": case,
        "rows": rows,
        "seconds": round(took_s, 2),
        "rows_per_s": round(rows / importing_s),
        "copy_rows_per_s": round(rows / bare_s),
        "ratio": round(bare_s / importing_s, 3),
        "python_us": round((python_s - start[1]) / rows * 1e6, 1),
        "postgres_us": round(postgres_s / rows * 1e6, 1),
        "peak_rss_mb": round(usage.ru_maxrss / 1024),
    }
    print(json.dumps(line), flush=True)
    return took_s, python_s


def cpu_of_ended_children(pid: int) -> float:
    """CPU seconds of the children that `pid` has waited for: of PostgreSQL's, the sessions that ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300_000)
