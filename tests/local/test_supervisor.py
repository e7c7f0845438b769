import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from listmonk_py.local import children, data_folder, supervisor
from listmonk_py.local.children import LocalError
from listmonk_py.local.supervisor import Log, Program, Supervisor


@pytest.fixture
def boss(tmp_path):
    log = Log(width=6, folder=tmp_path / "logs", quiet=True)
    one = Supervisor(log)
    yield one
    one.stop_all()
    log.close()


def python(name: str, code: str, **more) -> Program:
    arguments = [sys.executable, "-u", "-c", textwrap.dedent(code)]
    return supervisor.command(name, arguments, env=dict(os.environ), cwd=Path.cwd(), **more)


def lines(boss: Supervisor, tmp_path: Path) -> list[str]:
    return [line.split(" ", 2)[2] for line in (tmp_path / "logs" / "up.log").read_text().splitlines()]


def test_each_line_of_the_log_names_its_program(boss, tmp_path):
    boss.start(
        python("one", "import sys; print('out'); print('err', file=sys.stderr); import time; time.sleep(60)")
    )

    assert boss.wait_for(lambda: len(lines(boss, tmp_path)) >= 2, timeout_s=20, what="No output")

    assert sorted(lines(boss, tmp_path)) == ["one    | err", "one    | out"]


def test_a_program_is_ready_when_its_line_says_so(boss):
    boss.start(
        python(
            "one", "input_ = None; print('I am ready.'); import time; time.sleep(60)", ready_line=r"ready\.$"
        )
    )

    assert not boss.all_ready()
    assert boss.wait_for(boss.all_ready, timeout_s=20, what="Not ready")


def test_a_killed_program_starts_again(boss):
    boss.start(python("one", "import time; time.sleep(60)"))
    boss.everything_ready = True
    first = boss.running["one"].child.pid

    os.kill(first, signal.SIGKILL)

    def replaced() -> bool:
        child = boss.running["one"].child
        return child is not None and child.pid != first

    assert boss.wait_for(replaced, timeout_s=20, what="Not started again")


def test_pauses_between_restarts_grow(boss):
    boss.everything_ready = True
    boss.start(python("one", "raise SystemExit(3)"))

    boss.wait_for(lambda: boss.running["one"].failures >= 3, timeout_s=30, what="No failures")

    assert boss.running["one"].pause_s == 8 * supervisor.FIRST_PAUSE_S


def test_a_program_that_never_comes_up_ends_the_start_with_a_sentence(boss, monkeypatch):
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_S", 0.01)
    boss.start(python("one", "raise SystemExit('no such thing')"))
    boss.running["one"].pause_s = 0.01

    with pytest.raises(LocalError, match="one ended 5 times while starting"):
        boss.wait_for(lambda: False, timeout_s=30, what="-")


def test_what_a_dead_program_started_dies_too(boss, tmp_path):
    pid_file = tmp_path / "grandchild"
    code = f"""
        import os, subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        with open({str(pid_file)!r} + ".new", "w") as file:
            file.write(str(child.pid))
        os.rename({str(pid_file)!r} + ".new", {str(pid_file)!r})
        time.sleep(600)
    """
    boss.everything_ready = True
    boss.start(python("one", code))
    boss.wait_for(pid_file.exists, timeout_s=20, what="No grandchild")
    grandchild = int(pid_file.read_text())

    os.kill(boss.running["one"].child.pid, signal.SIGKILL)

    boss.wait_for(lambda: children.identity(grandchild) is None, timeout_s=20, what="It lives")


def test_stopping_waits_for_a_program_to_finish_and_goes_down_stage_by_stage(boss, tmp_path):
    marks = tmp_path / "marks"
    code = f"""
        import signal, sys, time
        def end(*_):
            time.sleep(%s)
            open({str(marks)!r}, "a").write("%s\\n")
            sys.exit(0)
        signal.signal(signal.SIGTERM, end)
        print("ready", flush=True)
        while True: time.sleep(1)
    """
    for name, stage, pause in (("database", 0, 0), ("web", 1, 0.3)):
        one = python(name, code % (pause, name), ready_line="^ready$")
        boss.start(Program(one.name, one.launch, stage=stage, ready_line=one.ready_line))
    boss.wait_for(boss.all_ready, timeout_s=20, what="Not ready")

    boss.stop_all()

    assert marks.read_text().split() == ["web", "database"]


def test_a_program_that_ignores_sigterm_is_killed(boss):
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); time.sleep(600)"
    )
    boss.start(python("one", code, ready_line="deaf", stop_timeout_s=0.2))
    boss.wait_for(boss.all_ready, timeout_s=20, what="Not ready")
    pid = boss.running["one"].child.pid

    boss.stop_all()

    assert children.identity(pid) is None


def test_a_step_that_runs_once_reports_its_status(boss):
    assert boss.run_to_end(python("step", "raise SystemExit(7)")) == 7
    assert boss.run_to_end(python("step", "pass")) == 0
    assert not boss.running


def test_children_die_with_a_killed_supervisor(tmp_path):
    code = """
        import os, sys
        from pathlib import Path
        from listmonk_py.local import supervisor
        boss = supervisor.Supervisor(supervisor.Log(width=3))
        for name in ("a", "b"):
            command = [sys.executable, "-c", "import time; time.sleep(600)"]
            boss.start(supervisor.command(name, command, env=dict(os.environ), cwd=Path.cwd()))
        print(*(one.child.pid for one in boss.running.values()), flush=True)
        os.kill(os.getpid(), 9)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)

    pids = [int(word) for word in done.stdout.split()]
    assert len(pids) == 2, done.stderr
    assert children.wait_until(lambda: all(children.identity(pid) is None for pid in pids), timeout_s=20)


def test_a_data_folder_belongs_to_one_at_a_time(tmp_path):
    first, second = data_folder.DataFolder(tmp_path), data_folder.DataFolder(tmp_path)
    first.acquire()

    with pytest.raises(LocalError, match=rf"already runs on .* \(process {os.getpid()}\)"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()


def test_a_holder_that_is_stopping_is_waited_for(tmp_path):
    first, second = data_folder.DataFolder(tmp_path), data_folder.DataFolder(tmp_path)
    first.acquire()
    first.stopping()
    waiting = threading.Thread(target=second.acquire)
    waiting.start()

    waiting.join(0.3)
    assert waiting.is_alive()
    first.release()
    waiting.join(20)

    assert not waiting.is_alive()
    second.release()


def test_leftovers_of_a_killed_holder_are_ended_and_strangers_are_not(tmp_path):
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    leftover = subprocess.Popen(sleep, start_new_session=True)
    stranger = subprocess.Popen(sleep, start_new_session=True)
    noted = {"web": [leftover.pid, children.identity(leftover.pid)], "beat": [stranger.pid, "12345"]}
    (tmp_path / "processes.json").write_text(json.dumps(noted))
    folder = data_folder.DataFolder(tmp_path)
    try:
        folder.acquire()

        assert leftover.wait(20) == -signal.SIGTERM
        assert stranger.poll() is None
    finally:
        folder.release()
        stranger.kill()
        stranger.wait()


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(LocalError, match="set DATA_DIR"):
        data_folder.DataFolder(tmp_path / "file" / "data").acquire()
