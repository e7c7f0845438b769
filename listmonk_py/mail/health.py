"""When to leave a failing server alone, and for how long: a circuit breaker with exponential back-off."""

import random
import time
from collections.abc import Callable

FAULTS_TO_REST = 3
FIRST_REST_S = 1.0
# What a moment will not mend: a wrong password, a certificate that does not verify.
LASTING_REST_S = 10.0
LONGEST_REST_S = 300.0


class Breaker:
    """The health of one server as this process knows it. One thread changes it, any may read it.

    Well: everything goes. `FAULTS_TO_REST` faults in a row, or one that lasts, and the server rests: nothing
    is tried. After the rest it is *probing*: one careful try, and a fault sends it to a rest twice as long;
    anything that works makes it well.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._faults_in_a_row = 0
        self._rests_in_a_row = 0
        self._rest_until = 0.0
        self.probing = False
        self._reason: str | None = None

    @property
    def resting(self) -> bool:
        return self._clock() < self._rest_until

    @property
    def rest_left_s(self) -> float:
        return max(0.0, self._rest_until - self._clock())

    @property
    def reason(self) -> str | None:
        """Why the server rests; None when it may be tried."""
        return self._reason if self.resting else None

    @property
    def troubled(self) -> bool:
        """Not well: `works` has something to say."""
        return self.probing or self._faults_in_a_row > 0

    @property
    def faults_in_a_row(self) -> int:
        return self._faults_in_a_row

    def fault(self, reason: str, *, lasting: bool = False) -> float | None:
        """The server failed. Returns the length of the rest [s] when one begins with this."""
        self._faults_in_a_row += 1
        if self.resting or not (lasting or self.probing or self._faults_in_a_row >= FAULTS_TO_REST):
            return None
        first = LASTING_REST_S if lasting else FIRST_REST_S
        seconds = min(LONGEST_REST_S, first * 2 ** min(self._rests_in_a_row, 12)) * random.uniform(0.75, 1.25)
        self.rest(seconds, reason)
        return seconds

    def rest(self, seconds: float, reason: str) -> None:
        """Leave the server alone for `seconds`, because it failed here or elsewhere."""
        if not self.resting:
            self._rests_in_a_row += 1
        self._rest_until = max(self._rest_until, self._clock() + seconds)
        self._reason = reason
        self.probing = True

    def end_rest(self) -> None:
        """Somebody found the server well: probe it now."""
        self._rest_until = 0.0

    def works(self) -> bool:
        """The server did its work. True when that ends its troubles; not believed while it rests."""
        if self.resting:
            return False
        recovered = self.probing
        self.forget()
        return recovered

    def forget(self) -> None:
        """Start anew, as with other settings."""
        self._faults_in_a_row = self._rests_in_a_row = 0
        self._rest_until = 0.0
        self._reason, self.probing = None, False
