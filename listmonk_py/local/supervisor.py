"""Runs a set of programs on one machine: one log, ordered start, restart with back-off, clean stop.

One thread and one loop, because children are tied to the thread that forked them and because forking
beside threads is unsafe. Everything happens in `turn`, which waits for output, signals or timers.
"""

import contextlib
import os
import re
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from logging import Formatter, LogRecord
from logging.handlers import RotatingFileHandler
from pathlib import Path

from listmonk_py.local import children
from listmonk_py.local.children import LocalError

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
STABLE_AFTER_S = 30.0
# A program that ends so often before everything is ready will not come up by waiting.
FAILED_STARTS = 5
LONGEST_LINE_BYTES = 64 * 1024
COLOURS = (36, 32, 33, 35, 34, 96, 92, 93, 95, 94)
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Program:
    """What to run and how to end it.

    Attributes:
        launch: starts the process with its output on the given file descriptor.
        stage: programs of a higher stage start later and are stopped earlier.
        ready_line: it serves once a line of its output matches; None: from its start on.
    """

    name: str
    launch: Callable[[int], subprocess.Popen[bytes]]
    stage: int = 1
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_s: float = 20.0
    ready_line: re.Pattern[str] | None = None


def command(
    name: str,
    arguments: Sequence[str],
    *,
    env: dict[str, str],
    cwd: Path,
    ready_line: str | None = None,
    stop_timeout_s: float = 20.0,
) -> Program:
    """Return a Program that runs a command line."""

    def launch(output: int) -> subprocess.Popen[bytes]:
        return children.start(arguments, env=env, cwd=cwd, output=output)

    pattern = re.compile(ready_line) if ready_line else None
    return Program(name, launch, ready_line=pattern, stop_timeout_s=stop_timeout_s)


@dataclass
class Running:
    """One program at work, or waiting to be started again."""

    program: Program
    child: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restart_at: float | None = None
    pause_s: float = FIRST_PAUSE_S
    failures: int = 0
    ready: bool = False
    unfinished_line: bytes = b""
    pipe: int | None = None
    once: bool = False
    exit_code: int | None = None


@dataclass
class Log:
    """Lines with the name of their program in front: coloured on a terminal, plain in a rotated file."""

    width: int
    folder: Path | None = None
    coloured: bool = field(default_factory=sys.stdout.isatty)
    quiet: bool = False

    def __post_init__(self) -> None:
        self._colour_of: dict[str, int] = {}
        self._file: RotatingFileHandler | None = None
        if self.folder is not None:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = RotatingFileHandler(self.folder / "up.log", maxBytes=10_000_000, backupCount=3)
            self._file.setFormatter(Formatter("%(asctime)s %(message)s"))

    def line(self, name: str, text: str) -> None:
        prefix = f"{name:<{self.width}} | "
        if self._file:
            self._file.emit(LogRecord("up", 20, "", 0, prefix + text, None, None))
        if self.quiet:
            return
        if self.coloured:
            colour = self._colour_of.setdefault(name, COLOURS[len(self._colour_of) % len(COLOURS)])
            prefix = f"\x1b[{colour}m{prefix}\x1b[0m"
        self.plain(prefix + text)

    def plain(self, text: str) -> None:
        """Print `text` alone on its line; a reader that went away stops nothing."""
        try:
            print(text, flush=True)
        except (BrokenPipeError, ValueError, OSError):
            self.quiet = True
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def close(self) -> None:
        if self._file:
            self._file.close()


class Supervisor:
    """Starts programs, keeps them running until told to stop, then stops them in reverse order."""

    def __init__(self, log: Log, *, on_change: Callable[[dict[str, int]], None] | None = None) -> None:
        self.log = log
        self.on_change = on_change
        self.running: dict[str, Running] = {}
        self.stopping = self.stopped = False
        self.everything_ready = False
        self.selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self.selector.register(self._wake_read, selectors.EVENT_READ, None)

    # -- signals --------------------------------------------------------------------------------

    def take_signals(self) -> None:
        """Let SIGINT, SIGTERM and SIGHUP ask for a stop; a second one ends without grace."""
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for one in STOP_SIGNALS:
            signal.signal(one, self._asked_to_stop)

    def _asked_to_stop(self, number: int, _frame: object) -> None:
        if self.stopping:
            for one in self.running.values():
                if one.child is not None and one.program.stage > 0:
                    children.kill_group(one.child.pid)
        self.stopping = True

    # -- life of the programs ---------------------------------------------------------------------

    def start(self, program: Program) -> None:
        """Start `program` and look after it from now on."""
        self.running[program.name] = Running(program)
        self._launch(self.running[program.name])

    def run_to_end(self, program: Program) -> int:
        """Run `program` once, passing on its output; return its exit status, or -15 when asked to stop."""
        one = self.running[program.name] = Running(program, once=True)
        self._launch(one)
        while one.exit_code is None:
            if one.child is None:
                raise LocalError(f"{program.name} cannot be started; its line above says why.")
            if self.stopping:
                children.stop(one.child, with_signal=program.stop_signal, timeout_s=program.stop_timeout_s)
            self.turn(0.1)
        del self.running[program.name]
        return one.exit_code

    def _launch(self, one: Running) -> None:
        read, write = os.pipe()
        try:
            one.child = one.program.launch(write)
        except LocalError as fault:
            os.close(read)
            self.log.line(one.program.name, str(fault))
            one.child = None
            if not one.once:
                self._plan_restart(one)
            return
        finally:
            os.close(write)
        os.set_blocking(read, False)
        one.pipe = read
        one.started_at = time.monotonic()
        one.restart_at = None
        one.ready = one.program.ready_line is None
        self.selector.register(read, selectors.EVENT_READ, one)
        self._note()

    def _note(self) -> None:
        if self.on_change is not None:
            self.on_change({name: one.child.pid for name, one in self.running.items() if one.child})

    def _plan_restart(self, one: Running) -> None:
        one.failures += 1
        if not self.everything_ready and one.failures >= FAILED_STARTS:
            raise LocalError(
                f"{one.program.name} ended {one.failures} times while starting; its lines above say why."
            )
        one.restart_at = time.monotonic() + one.pause_s
        self.log.line(one.program.name, f"starting again in {one.pause_s:g} s")
        one.pause_s = min(one.pause_s * 2, LONGEST_PAUSE_S)

    def turn(self, timeout_s: float = 0.2) -> None:
        """Pass on output, notice ends, start again what is due. Returns after at most `timeout_s`."""
        for key, _ in self.selector.select(timeout_s):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake_read, 4096)
            else:
                self._pass_on(key.data)
        for one in self.running.values():
            self._look_at(one)

    def _look_at(self, one: Running) -> None:
        now = time.monotonic()
        if one.child is not None and one.child.poll() is not None:
            self._has_ended(one)
        elif one.child is not None and one.failures and now - one.started_at > STABLE_AFTER_S:
            one.failures, one.pause_s = 0, FIRST_PAUSE_S
        elif one.child is None and one.restart_at is not None and now >= one.restart_at and not self.stopping:
            self._launch(one)

    def _has_ended(self, one: Running) -> None:
        assert one.child is not None
        children.kill_group(one.child.pid)  # what it started must not go on without it
        self._pass_on(one)
        if one.unfinished_line:
            self._line(one, one.unfinished_line)
            one.unfinished_line = b""
        self._close_pipe(one)
        code, one.child, one.ready = one.child.returncode, None, False
        self._note()
        one.exit_code = code
        if not self.stopping and not one.once:
            self.log.line(one.program.name, f"ended unexpectedly ({_in_words(code)})")
            self._plan_restart(one)

    def _pass_on(self, one: Running) -> None:
        while one.pipe is not None:
            try:
                chunk = os.read(one.pipe, 65536)
            except BlockingIOError:
                return
            if not chunk:
                self._close_pipe(one)
                return
            *lines, rest = (one.unfinished_line + chunk).split(b"\n")
            for line in lines:
                self._line(one, line)
            if len(rest) > LONGEST_LINE_BYTES:
                self._line(one, rest)
                rest = b""
            one.unfinished_line = rest

    def _close_pipe(self, one: Running) -> None:
        if one.pipe is not None:
            self.selector.unregister(one.pipe)
            os.close(one.pipe)
            one.pipe = None

    def _line(self, one: Running, line: bytes) -> None:
        text = line.rstrip(b"\r").decode(errors="replace")
        if not one.ready and one.program.ready_line is not None and one.program.ready_line.search(text):
            one.ready = True
        self.log.line(one.program.name, text)

    # -- waiting and stopping -----------------------------------------------------------------------

    def wait_for(self, condition: Callable[[], bool], *, timeout_s: float, what: str) -> bool:
        """Turn until `condition()` holds; False when asked to stop meanwhile.

        Raises:
            LocalError: it does not hold within `timeout_s`; the message names `what`.
        """
        deadline = time.monotonic() + timeout_s
        while not self.stopping:
            self.turn(0.1)
            if condition():
                return True
            if time.monotonic() > deadline:
                raise LocalError(f"{what} within {timeout_s:g} seconds; the lines above say why.")
        return False

    def all_ready(self) -> bool:
        return all(one.ready for one in self.running.values())

    def run(self) -> None:
        """Turn until asked to stop."""
        while not self.stopping:
            self.turn()

    def stop_all(self) -> None:
        """Stop every program, highest stage first; programs of one stage together. Once."""
        self.stopping = True
        if self.stopped:
            return
        self.stopped = True
        for stage in sorted({one.program.stage for one in self.running.values()}, reverse=True):
            self._stop_stage([one for one in self.running.values() if one.program.stage == stage])
        self.selector.close()
        signal.set_wakeup_fd(-1)
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _stop_stage(self, members: list[Running]) -> None:
        alive = [one for one in members if one.child is not None]
        for one in alive:
            assert one.child is not None
            one.child.send_signal(one.program.stop_signal)
        asked_at = time.monotonic()
        while any(one.child is not None for one in alive):
            self.turn(0.05)
            for one in alive:
                if one.child is not None and time.monotonic() - asked_at > one.program.stop_timeout_s:
                    self.log.line(one.program.name, "does not end; killed")
                    children.kill_group(one.child.pid)


def _in_words(code: int) -> str:
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(-code).name}"
    return f"status {code}"
