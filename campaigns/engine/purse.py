"""The tokens of one sender: how many messages may leave now, by every limit that applies."""

import logging
import time
from collections.abc import Callable

from campaigns.pace import pace_of
from listmonk_py.mail.outgoing import Transmission
from listmonk_py.mail.pacing import Grant, Limit, Pacer, PacerUnavailable

from .database import patiently
from .jobs import Job
from .limits import limits_of
from .planning import slow_domains

logger = logging.getLogger(__name__)

# Tokens further away than this, and a sender does not sit and wait for them.
LONGEST_WAIT_S = 0.25
# How often tokens are asked for while they come slowly.
PAUSE_S = 0.05
LOOK_EVERY_S = 0.5


class Purse:
    """Takes tokens for one campaign and domain group; knows the limits as they are set now.

    Attributes:
        next_at: by `clock`, when asking again may bring some.
        domain_group: whose pace applies; "" where the recipients' domains have none of their own.
    """

    def __init__(
        self,
        job: Job,
        transmission: Transmission,
        pacer: Pacer,
        domain_group: str,
        clock: Callable[[], float],
    ) -> None:
        self.domain_group = domain_group
        self.next_at = 0.0
        self._job = job
        self._transmission = transmission
        self._pacer = pacer
        self._clock = clock
        self._limits: list[Limit] = []
        self._asked: list[Limit] = []  # what the last tokens were taken from
        self._slow: dict[str, str] = {}  # domain to its limited group
        self._looked_at = float("-inf")

    def take(self, want: int) -> Grant:
        """Take up to `want` tokens; none while Redis is away: sending then waits, it is never unpaced.

        Where servers have limits of their own, the tokens are for the one that the transmission's `route`
        then names.
        """
        try:
            grant = self._take(want)
        except PacerUnavailable as fault:
            logger.warning("Sending waits: %s", fault)
            self.next_at = self._clock() + LONGEST_WAIT_S
            return Grant(0, 0.0)
        if grant.granted < want and (grant.wait_s or not grant.granted):
            self.next_at = self._clock() + max(grant.wait_s, PAUSE_S)
        return grant

    def _take(self, want: int) -> Grant:
        limits = self._current()
        routes = self._transmission.routes()
        if not routes:
            self._asked, self._transmission.route = limits, ""
            return self._pacer.take(limits, want)
        wait_s = float("inf")
        for route in routes:
            if route.rest_s:
                wait_s = min(wait_s, route.rest_s)
                continue
            self._asked = [*limits, *route.limits]
            grant = self._pacer.take(self._asked, want)
            if grant.granted:
                self._transmission.route = route.server
                # What this server lacks another may have, at once.
                return grant if len(routes) == 1 else Grant(grant.granted, 0.0)
            wait_s = min(wait_s, grant.wait_s)
        return Grant(0, wait_s)

    def give_back(self, count: int) -> None:
        """Return the last tokens that were not used."""
        if count > 0:
            try:
                self._pacer.give_back(self._asked, count)
            except PacerUnavailable:
                logger.info("%s tokens stay taken: Redis is away.", count)

    def is_for(self, email: str) -> bool:
        """Whether these tokens are for this recipient: a provider may have got a limit since the planning."""
        if not self._slow:
            return True
        return self._slow.get(email.rpartition("@")[2].lower(), self.domain_group) == self.domain_group

    def wait(self) -> None:
        """Until asking again may bring tokens."""
        time.sleep(max(0.0, self.next_at - self._clock()))

    def _current(self) -> list[Limit]:
        now = self._clock()
        if now - self._looked_at > LOOK_EVERY_S:
            pace = patiently(lambda: pace_of(self._job.campaign_id))
            self._limits = patiently(lambda: limits_of(self._job.campaign_id, pace, self.domain_group))
            self._slow = dict(zip(*patiently(slow_domains), strict=True))
            self._looked_at = now
        return self._limits
