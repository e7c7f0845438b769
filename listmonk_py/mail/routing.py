"""Which SMTP servers may carry a message, and in which proportion (contract 5.7)."""

from collections.abc import Sequence
from email.utils import parseaddr
from typing import Generic, Protocol, TypeVar

from .smtp.settings import ServerSettings


def servers_for(from_email: str, servers: Sequence[ServerSettings]) -> list[ServerSettings]:
    """The servers that mail of `from_email` goes through.

    Those that name the whole address in their `from_addresses`; else those that name its domain; else all.
    """
    address = parseaddr(from_email)[1].lower()
    domain = address.rpartition("@")[2]
    by_address = [s for s in servers if address and address in s.from_addresses]
    by_domain = [s for s in servers if domain and {domain, f"@{domain}"} & set(s.from_addresses)]
    return by_address or by_domain or list(servers)


class Weighted(Protocol):
    @property
    def weight(self) -> int: ...


T = TypeVar("T", bound=Weighted)


class WeightedRotation(Generic[T]):
    """Deals choices in turn so that every stretch is as close to the weights as can be.

    Smooth weighted round-robin: each choice gains its weight per turn, the richest is dealt and pays the
    sum. With weights 5, 1, 1 the order is a a b a c a a, not a a a a a b c.
    """

    def __init__(self, choices: Sequence[T]) -> None:
        self.choices = list(choices)
        self._credit = [0] * len(self.choices)

    def next(self, usable: Sequence[bool]) -> T | None:
        """The next choice among those that are usable now; None when none is."""
        total, best = 0, -1
        for i, choice in enumerate(self.choices):
            if usable[i]:
                self._credit[i] += choice.weight
                total += choice.weight
                if best < 0 or self._credit[i] > self._credit[best]:
                    best = i
        if best < 0:
            return None
        self._credit[best] -= total
        return self.choices[best]
