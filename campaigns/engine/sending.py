"""Sending a batch: half-windows announced while others are in flight (design section 3, "Sending a batch").

A `Sender` works for about two seconds on batches of one campaign and then gives way. It keeps up to two
batches in work, so that connections do not idle where one ends. Everything PostgreSQL has to know before a
message leaves is in a checkpoint that is committed; see `checkpoint` for the invariant.
"""

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from django.utils import timezone

from listmonk_py.mail.letter import RenderError
from listmonk_py.mail.outgoing import Outcome, Result, Transmission
from listmonk_py.mail.pacing import Pacer

from . import doubt, leases
from .checkpoint import Announced, LeaseLost, Person
from .database import patiently
from .jobs import Job
from .leases import LEASE_S, Lease
from .persisting import persist
from .purse import LONGEST_WAIT_S, Purse
from .recipients import recipient_of
from .verdicts import NO_HISTORY, skipped, throttled, unrenderable, verdict
from .window import Window

logger = logging.getLogger(__name__)

SLICE_S = 2.0
# Announced and not settled, over all windows of a sender: what a kill may put in doubt.
MOST_UNSETTLED = 200
# And what they may take in memory, written: attachments are in every copy.
MOST_UNSETTLED_BYTES = 32 * 1024 * 1024
# Below this, waiting for one slow reply would leave the other connections without work.
FEWEST_UNSETTLED = 40
UNSETTLED_S = 0.1
# With so few on the wire, connections are about to idle.
ALMOST_IDLE = 8
CHECKPOINT_EVERY_S = 0.1
# No result for so long: the server is given up, and what is out is in doubt or not sent.
STALLED_AFTER_S = LEASE_S * 0.75
# Times a message that a server could not take is handed over again in the same window.
HANDED_OVER = 3
# How long a batch rests when no server of the messenger can be used.
SERVER_REST_S = 5.0


class Sender:
    """Sends batches of one campaign over one transmission; see `run`."""

    def __init__(
        self,
        job: Job,
        transmission: Transmission,
        pacer: Pacer,
        *,
        stopping: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.job = job
        self.transmission = transmission
        self.purse = Purse(job, transmission, pacer, "", clock)
        self.stopping = stopping
        self.clock = clock
        self.windows: list[Window] = []
        self.serials = 0
        self.ending = ""  # why nothing further is announced
        self.pause_s = 0.0
        self.answered_any = False  # a server took a message or refused it
        self._handed: dict[int, int] = {}
        self._until = float("inf")
        self._next_batch_at = float("-inf")
        self._touched: dict[int, float] = {}
        self._progress_at = clock()
        self._rate = 0.0
        self._most = max(1, min(MOST_UNSETTLED, MOST_UNSETTLED_BYTES // job.message_bytes))
        self._cap = max(1, self._most // 2)  # how many may be unsettled; follows the rate
        self._counted = 0
        self._counted_at = clock()

    # --- the slice ---------------------------------------------------------------------------------
    def run(self, lease: Lease) -> None:
        """Work on `lease` and the campaign's following batches until the slice ends.

        On return every lease is given back and nothing of it is in flight. A process that dies in here
        leaves at most `MOST_UNSETTLED` recipients in doubt, which the next holder settles.
        """
        self.purse.domain_group = lease.domain_group
        self._until = self.clock() + SLICE_S
        self._open(lease)
        try:
            while self.windows:
                self._look_around()
                self._collect()
                self._miss()
                self._announce()
                self._save()
                self._close_done()
        finally:
            self._leave()

    def _open(self, lease: Lease) -> None:
        """Take a batch in work; first settle whom an earlier holder left in doubt."""
        try:
            if lease.doubtful > lease.done:
                lease = doubt.settle(lease, self.job, self.transmission, self._wait_for_token)
        except doubt.NotNow:
            # Their turn has not come; the batch goes back with them in doubt.
            pause_s = SERVER_REST_S if self.transmission.fault else self.pause_s
            patiently(partial(leases.release, lease, pause_s=pause_s))
            return
        except LeaseLost:
            return
        self.serials += 1
        window = Window(lease, self.serials)
        self.windows.append(window)
        self._touched[window.serial] = self.clock()

    def _look_around(self) -> None:
        """See whether to stop announcing, and keep the leases."""
        now = self.clock()
        if self.stopping():
            self.ending = self.ending or "stopping"
        elif now >= self._until and not self.ending:
            if patiently(self._may_go_on):
                self._until = now + SLICE_S
            else:
                self.ending = "slice"
        elif not self.ending and (fault := self.transmission.fault):
            self.ending, self.pause_s = fault, SERVER_REST_S
        for window in list(self.windows):
            if now - self._touched[window.serial] > LEASE_S / 3:
                if not patiently(partial(leases.renew, window.lease)):
                    self._lose(window)
                self._touched[window.serial] = now

    def _may_go_on(self) -> bool:
        """Whether the slice may be followed by another at once: nobody waits, and nothing was changed.

        Stopping costs a drained pipeline and a start; so it is done where it serves somebody.
        """
        return self.job.is_current() and not leases.others_wait(self.job.campaign_id, self.purse.domain_group)

    def _close_done(self) -> None:
        """Give back the batches of which nothing is left or nothing more will be announced."""
        for window in list(self.windows):
            if window.is_quiet and not window.out and (self.ending or not window.left):
                self._give_back(window)
        if self.ending or len(self.windows) > 1 or (self.windows and self.windows[-1].left):
            return
        if self.clock() < self._next_batch_at:
            return
        lease = patiently(lambda: leases.claim_next(self.job.campaign_id, self.purse.domain_group))
        if lease is not None:
            self._open(lease)
        else:
            self._next_batch_at = self.clock() + CHECKPOINT_EVERY_S

    def _give_back(self, window: Window) -> None:
        self.windows.remove(window)
        patiently(partial(leases.release, window.lease, pause_s=self.pause_s))

    def _lose(self, window: Window) -> None:
        """The lease is somebody else's: its outcomes are theirs to find out."""
        logger.warning("Batch %s was taken over by another worker.", window.lease.batch_id)
        self.windows.remove(window)

    def _leave(self) -> None:
        """After a fault of our own: what is still leased expires, and is settled as in doubt."""
        if self.windows:
            self.transmission.close(0)

    # --- results -----------------------------------------------------------------------------------
    def _collect(self) -> None:
        pause_s = 0.0
        if not self._may_announce():
            pause_s = min(CHECKPOINT_EVERY_S, max(0.001, self.purse.next_at - self.clock(), 0.02))
        if self.transmission.pending:
            results = self.transmission.wait(pause_s)
        else:
            results = []
            if pause_s and not any(window.ready for window in self.windows) and not self.ending:
                time.sleep(pause_s)
        self._note(results)
        self._check_stalled()

    def _check_stalled(self) -> None:
        """Give the server up when nothing came for too long. Asked after collecting: what came meanwhile counts."""
        if self.transmission.pending and self.clock() - self._progress_at > STALLED_AFTER_S:
            logger.warning("Campaign %s: the server has been silent too long.", self.job.campaign_id)
            self.transmission.close(0)
            self.ending = self.ending or "stalled"

    def _note(self, results: list[Result]) -> None:
        if results:
            self._progress_at = self.clock()
            self._count(len(results))
            now = timezone.now()
            for result in results:
                self._take(result, now)

    def _miss(self) -> None:
        """A messenger that owes results and has none pending has lost them: those messages are in doubt."""
        if self.transmission.pending:
            return
        for window in self.windows:
            for position in list(window.out):
                logger.error("The messenger gave no result for %s.", window.out[position].email)
                result = Result(window.key(window.out[position]), Outcome.UNKNOWN, 0, "", "No result.", "")
                self._take(result, timezone.now())

    def _take(self, result: Result, now: Any) -> None:
        window = self._window_of(result.key)
        position = result.key & 0xFFFFF
        if window is None or position not in window.out:
            return
        if result.outcome is Outcome.SERVER and self._again(window, result.key, position):
            return
        person = window.out[position]
        if result.outcome is Outcome.ACCEPTED:
            self.answered_any = True
            if result.code == 250 and person.history is NO_HISTORY:
                window.settle_plain(position)
                return
        elif result.outcome is not Outcome.SERVER and result.outcome is not Outcome.UNKNOWN:
            self.answered_any = True
        window.settle(position, verdict(result, person.history, self.job.rules, now=now))

    def _window_of(self, key: int) -> Window | None:
        serial = key >> 20
        for window in self.windows:
            if window.serial == serial:
                return window
        return None

    def _again(self, window: Window, key: int, position: int) -> bool:
        """Hand a message over once more that was certainly not delivered, while a server may take it."""
        handed = self._handed.get(key, 1)
        if handed >= HANDED_OVER or self.ending in ("stalled", "stopping") or self.transmission.fault:
            self._handed.pop(key, None)
            return False
        self._handed[key] = handed + 1
        self._send(window, [window.out[position]])
        return True

    def _count(self, results: int) -> None:
        """Keep the rate of results [1/s]; the unsettled follow it to a tenth of a second's worth."""
        self._counted += results
        passed = self.clock() - self._counted_at
        if passed >= UNSETTLED_S:
            self._rate = 0.5 * self._rate + 0.5 * self._counted / passed
            self._counted, self._counted_at = 0, self.clock()
            enough = min(self._most, max(FEWEST_UNSETTLED, int(self._rate * UNSETTLED_S)))
            self._cap = max(enough, int(self._cap * 0.95))

    # --- announcing --------------------------------------------------------------------------------
    def _room(self) -> int:
        """How many more may be announced once what is ready is settled."""
        if not self.windows or self.ending:
            return 0
        unsettled = sum(window.unsettled - window.ready for window in self.windows)
        return min(self._cap - unsettled, self.windows[-1].left)

    def _may_announce(self) -> bool:
        """Enough room for a half-window, or nothing on the wire; and tokens may be there."""
        room = self._room()
        if room <= 0 or self.clock() < self.purse.next_at:
            return False
        return room >= min(self._cap // 2, self.windows[-1].left) or not self.transmission.pending

    def _announce(self) -> None:
        """Take tokens, checkpoint, render and hand over one half-window."""
        if not self._may_announce():
            return
        window = self.windows[-1]
        granted = self._take_tokens(min(self._room(), max(1, self._cap // 2)))
        if not granted:
            return
        self._write_others(window)
        if window not in self.windows:
            return
        before = window.announced
        found = self._checkpoint(window, announce=before + granted)
        if found is None:
            self.purse.give_back(granted)
            return
        self._note(self.transmission.wait(0))
        if self.transmission.pending <= ALMOST_IDLE:
            # Connections ran dry while this was announced: a slow checkpoint asks for larger windows.
            self._cap = min(self._most, self._cap + self._cap // 4)
        used = self._send(window, found.people)
        self.purse.give_back(granted - used)
        if found.status != "running":
            self.ending = self.ending or found.status
        self._progress_at = self.clock()

    def _send(self, window: Window, people: list[Person]) -> int:
        """Render and hand over; return how many left. Who may not be mailed any more is skipped."""
        messages = []
        for person in people:
            if person.obstacle:
                window.settle(person.position, skipped(person.obstacle))
                continue
            if not self.purse.is_for(person.email):
                window.settle(person.position, throttled(person.history))
                continue
            try:
                messages.append(self.job.write(window.key(person), recipient_of(person)))
            except RenderError as fault:
                window.settle(person.position, unrenderable(fault.message, person.history))
        if messages:
            self.transmission.send(messages)
        return len(messages)

    # --- tokens ------------------------------------------------------------------------------------
    def _take_tokens(self, want: int) -> int:
        grant = self.purse.take(want)
        if grant.wait_s > LONGEST_WAIT_S and grant.granted < want and not self.ending:
            # With these the slice is over: a sender does not sit and wait, and hears of other limits.
            self.ending, self.pause_s = "paced", grant.wait_s
        return grant.granted

    def _wait_for_token(self) -> bool:
        """Wait for one token; False when it is too far away or sending stops."""
        while not self.stopping():
            if self._take_tokens(1):
                return True
            if self.ending:
                return False
            self.purse.wait()
        return False

    # --- checkpoints -------------------------------------------------------------------------------
    def _save(self) -> None:
        """Checkpoint what is settled where nothing is announced with it."""
        now = self.clock()
        for window in list(self.windows):
            due = now - self._touched[window.serial] >= CHECKPOINT_EVERY_S or not window.out
            if window.ready and (due or window.ready >= self._cap):
                self._checkpoint(window, announce=0)

    def _write_others(self, last: Window) -> None:
        """Settle the windows before `last`, so that the unsettled never exceed the cap."""
        for window in list(self.windows):
            if window is not last and window.ready:
                self._checkpoint(window, announce=0)

    def _checkpoint(self, window: Window, *, announce: int) -> Announced | None:
        """Write the window's outcomes and announce; None when the lease is lost or its campaign gone."""
        settlement = window.settlement()
        try:
            found = persist(window, settlement, announce, self.job)
        except LeaseLost:
            self._lose(window)
            return None
        window.settled(settlement)
        window.announce(found.people, announced=found.announced, size=found.size)
        self._touched[window.serial] = self.clock()
        return found
