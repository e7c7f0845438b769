"""Child processes that never outlive their parent, and how to recognise one that did.

Every child leads its own process group, so Ctrl-C in a terminal reaches only the parent, which then
stops the children in order; and so a child can be ended together with what it started itself.
"""

import ctypes
import os
import platform
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

PR_SET_PDEATHSIG = 1  # prctl(2)
ON_LINUX = platform.system() == "Linux"
_libc = ctypes.CDLL(None, use_errno=True) if ON_LINUX else None


class LocalError(RuntimeError):
    """Something on this machine stands in the way; the message is a sentence a person can act on."""


def start(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    output: int | IO[Any] | None = None,
    parent_death_signal: signal.Signals = signal.SIGTERM,
    before_exec: Callable[[], None] | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` in a group of its own; it gets `parent_death_signal` when this process dies.

    `output` takes stdout and stderr together. `before_exec` runs in the child, first. Call this from
    the main thread: Linux ties the signal to the thread that forked.

    Raises:
        LocalError: the program cannot be run.
    """
    parent = os.getpid()

    def prepare() -> None:
        if before_exec is not None:
            before_exec()
        die_with_parent(parent, parent_death_signal)

    try:
        return subprocess.Popen(
            list(command),
            env=None if env is None else dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=None if output is None else subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=prepare,  # noqa: PLW1509 - the parent has one thread
        )
    except (OSError, subprocess.SubprocessError) as fault:
        raise LocalError(f"{command[0]} cannot be started: {fault}") from fault


def die_with_parent(parent: int, death_signal: signal.Signals) -> None:
    """Ask the kernel to signal this process when `parent` dies. Elsewhere than on Linux: nothing.

    There, what a killed parent left behind is stopped by the next one (see `stop_stranger`).
    """
    if _libc is None:
        return
    _libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() not in {parent, 0}:  # it died before the request; 0 is a parent outside our namespace
        os.kill(os.getpid(), signal.SIGKILL)


def identity(pid: int) -> str | None:
    """Return what tells this process from a later one with the same pid; None when it is gone."""
    if ON_LINUX:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        # Fields 3 (state) and 22 (start time in clock ticks since boot) of proc(5).
        return None if fields[0] in "ZX" else fields[19]
    found = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True)
    return found.stdout.strip() or None


def stop(child: subprocess.Popen[bytes], *, with_signal: signal.Signals, timeout_s: float) -> None:
    """End `child`: `with_signal`, then after `timeout_s` SIGKILL to its whole group."""
    if child.poll() is None:
        child.send_signal(with_signal)
        try:
            child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            kill_group(child.pid)
            child.wait()
    kill_group(child.pid)


def kill_group(pid: int) -> None:
    """SIGKILL what is left of the process group that `pid` led."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def stop_stranger(pid: int, born: str, *, with_signal: signal.Signals, timeout_s: float) -> bool:
    """End a process that an earlier parent started, if `pid` is still that one; True when it was.

    `born` is the `identity` that was noted at its start.
    """
    if identity(pid) != born:
        return False
    try:
        os.kill(pid, with_signal)
    except ProcessLookupError:
        return False
    if not wait_until(lambda: identity(pid) != born, timeout_s=timeout_s):
        kill_group(pid)
        wait_until(lambda: identity(pid) != born, timeout_s=5)
    return True


def wait_until(condition: Callable[[], bool], *, timeout_s: float, pause_s: float = 0.02) -> bool:
    """Return True as soon as `condition()` holds, False when it does not within `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while True:
        if condition():
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(pause_s)
