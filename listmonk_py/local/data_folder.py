"""DATA_DIR belongs to one `up` at a time, and what a killed one left running is ended by the next."""

import fcntl
import json
import os
import signal
from pathlib import Path

from listmonk_py.local import children
from listmonk_py.local.children import LocalError

LEFTOVER_TIMEOUT_S = 10.0
STOPPING_TIMEOUT_S = 60.0
STOPPING = "stopping"


class DataFolder:
    """The lock on a data folder and the list of processes that run on it.

    The lock is the kernel's: it goes when its holder goes, however that happened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    def acquire(self) -> None:
        """Take the lock, then end the processes that a killed holder left behind.

        A holder that is just stopping is waited for.

        Raises:
            LocalError: the folder cannot be written, or another `up` runs on it.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as fault:
            raise LocalError(
                f"The data folder {self.path} cannot be used ({fault.strerror}). Let this user write to it,"
                " or set DATA_DIR to another folder."
            ) from fault
        holder = ""

        def taken_or_refused() -> bool:
            nonlocal holder
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                holder = ""
            except BlockingIOError:
                holder = os.pread(handle, 40, 0).decode(errors="replace").strip() or "unknown"
            return STOPPING not in holder

        children.wait_until(taken_or_refused, timeout_s=STOPPING_TIMEOUT_S, pause_s=0.1)
        if holder:
            os.close(handle)
            raise LocalError(
                f"`manage.py up` already runs on {self.path} (process {holder}). Stop that one first, or set"
                " DATA_DIR to another folder."
            )
        self._lock = handle
        self._sign(str(os.getpid()))
        self._end_leftovers()

    def _sign(self, text: str) -> None:
        assert self._lock is not None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{text}\n".encode(), 0)

    def stopping(self) -> None:
        """Tell whoever wants the folder next that it is free in a moment."""
        self._sign(f"{os.getpid()}, {STOPPING}")

    def release(self) -> None:
        if self._lock is not None:
            self.note_processes({})
            os.close(self._lock)
            self._lock = None

    def note_processes(self, pids: dict[str, int]) -> None:
        """Remember which processes run now, so that the next `up` finds them if this one is killed."""
        noted = {name: [pid, children.identity(pid)] for name, pid in pids.items()}
        draft = self.path / "processes.json.new"
        draft.write_text(json.dumps(noted))
        os.replace(draft, self.path / "processes.json")

    def _end_leftovers(self) -> None:
        try:
            noted = json.loads((self.path / "processes.json").read_text())
        except (FileNotFoundError, ValueError):
            return
        for pid, born in noted.values():
            if born and children.identity(pid) == born:
                os.kill(pid, signal.SIGTERM)  # all at once; below each is waited for
        for pid, born in noted.values():
            if born:
                children.stop_stranger(pid, born, with_signal=signal.SIGTERM, timeout_s=LEFTOVER_TIMEOUT_S)
                children.kill_group(pid) if children.identity(pid) is None else None
