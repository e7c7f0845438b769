"""What a server or provider allows for itself: so many messages a second, so many in any stretch of time.

A limit binds all mail that the installation sends through the server. Campaigns may use nine tenths of it,
so that a transactional message never waits for a campaign. The product's own mails (a link to set a
password) are few and are neither counted nor held back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from listmonk_py.configuration import durations

from .outgoing import Lane, Outgoing, Parts, Route, Transmission
from .pacing import Limit, Pacer, bucket

CAMPAIGNS_SHARE = 0.9
DAY_S = 86_400.0

Message = TypeVar("Message", bound=Outgoing | Parts)


@dataclass(frozen=True, slots=True)
class Allowance:
    """rate: messages a second. window_limit: messages in any stretch of `window_s`. 0 is no limit."""

    rate: int = 0
    window_limit: int = 0
    window_s: float = DAY_S

    def __bool__(self) -> bool:
        return bool(self.rate or self.window_limit)

    def limits(self, server: str, lane: Lane) -> tuple[Limit, ...]:
        """The limits in whose scope a message of `lane` through `server` (its uuid) is."""
        found = self._of(f"server:{server}", 1.0)
        if lane == "campaign":
            found += self._of(f"server:{server}:campaigns", CAMPAIGNS_SHARE)
        return tuple(found)

    def _of(self, key: str, share: float) -> list[Limit]:
        limits = []
        if self.rate:
            limits.append(bucket(key, self.rate * share))
        if self.window_limit:
            limits.append(Limit(key, "window", max(1, int(self.window_limit * share)), self.window_s))
        return limits

    def routes(self, server: str, lane: Lane) -> tuple[Route, ...]:
        """For a messenger that is this one server; see `outgoing.Transmission.routes`."""
        return (Route(server, self.limits(server, lane)),) if self else ()


UNLIMITED = Allowance()


def allowance_from_entry(entry: Mapping[str, Any]) -> Allowance:
    """The limits in an entry of the settings `smtp`, `messengers` or `anymail`.

    Raises:
        ValueError: the duration cannot be read.
    """
    return Allowance(
        rate=int(entry.get("message_rate") or 0),
        window_limit=int(entry.get("sliding_window_rate") or 0),
        window_s=durations.seconds(entry.get("sliding_window_duration") or "24h"),
    )


def send_within(transmission: Transmission, messages: Sequence[Message], pacer: Pacer) -> tuple[int, float]:
    """Hand over as many of `messages`, from the first on, as the servers allow now.

    Returns (how many, in how many seconds one more may go).

    Raises:
        PacerUnavailable: Redis does not answer; those after what was handed over by then were not.
    """
    routes = transmission.routes()
    if not routes:
        transmission.send(messages)
        return len(messages), 0.0
    sent, waits = 0, []
    for route in routes:
        if route.rest_s:
            waits.append(route.rest_s)
            continue
        grant = pacer.take(route.limits, len(messages) - sent)
        if grant.granted:
            transmission.route = route.server
            transmission.send(messages[sent : sent + grant.granted])
            sent += grant.granted
        if sent == len(messages):
            return sent, 0.0
        waits.append(grant.wait_s)
    return sent, min(waits)
