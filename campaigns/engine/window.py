"""Which positions of a leased batch are on the wire, settled, or free to announce. Pure bookkeeping."""

from .checkpoint import Person, Settlement
from .leases import Lease
from .verdicts import Verdict


class Window:
    """One leased batch in work.

    Positions before `done` are in the ledger; those before `announced` are announced in PostgreSQL. In
    between, each is either still out or has its verdict here, waiting for the next checkpoint.
    """

    def __init__(self, lease: Lease, serial: int) -> None:
        self.lease = lease
        self.serial = serial
        self.size = lease.size
        self.done = lease.done
        self.announced = lease.done
        self.out: dict[int, Person] = {}
        self._verdicts: dict[int, tuple[int, Verdict | None]] = {}
        self._settled = lease.done  # every position before it has a verdict or is done

    def key(self, person: Person) -> int:
        """The number under which a person's message travels; unique over this sender's windows."""
        return self.serial << 20 | person.position

    def announce(self, people: list[Person], *, announced: int, size: int) -> None:
        """Note what a checkpoint announced. `size` may have shrunk: the tail of a batch can be cut off."""
        self.announced = max(self.announced, announced)
        self.size = size
        for person in people:
            self.out[person.position] = person

    def settle(self, position: int, verdict: Verdict) -> None:
        """Note how one recipient's turn ended."""
        self._note(position, verdict)

    def settle_plain(self, position: int) -> None:
        """Note a first attempt that was accepted with 250, as nearly all are: it needs no row of its own."""
        self._note(position, None)

    def _note(self, position: int, verdict: Verdict | None) -> None:
        self._verdicts[position] = (self.out.pop(position).id, verdict)
        while self._settled in self._verdicts:
            self._settled += 1

    @property
    def unsettled(self) -> int:
        """Announced and not in the ledger."""
        return self.announced - self.done

    @property
    def ready(self) -> int:
        """Positions that the next checkpoint can settle: those without a gap before them."""
        return self._settled - self.done

    @property
    def left(self) -> int:
        """Positions that nobody has announced yet."""
        return max(0, self.size - self.announced)

    @property
    def is_quiet(self) -> bool:
        """Nothing is on the wire and nothing waits for the ledger."""
        return self.done == self.announced

    def settlement(self) -> Settlement:
        """What the next checkpoint writes; call `settled` when it is written."""
        odd = {}
        for position in range(self.done, self._settled):
            pk, verdict = self._verdicts[position]
            if verdict is not None:
                odd[pk] = verdict
        return Settlement(self.done, self._settled, odd, self.lease.is_retry)

    def settled(self, settlement: Settlement) -> None:
        for position in range(settlement.start, settlement.end):
            del self._verdicts[position]
        self.done = settlement.end
