from listmonk_py.mail.health import FAULTS_TO_REST, LONGEST_REST_S, Breaker


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def rest(breaker: Breaker) -> float:
    """Fail until the breaker rests; the length of the rest."""
    for _ in range(FAULTS_TO_REST):
        seconds = breaker.fault("It failed.")
        if seconds is not None:
            return seconds
    raise AssertionError("It never rested.")


def test_a_fault_now_and_then_is_no_reason_to_rest():
    breaker = Breaker(Clock())
    for _ in range(20):
        assert breaker.fault("once") is None
        breaker.works()

    assert not breaker.resting


def test_rests_grow_until_it_works_again():
    clock = Clock()
    breaker = Breaker(clock)
    lengths = []
    for _ in range(12):
        lengths.append(rest(breaker))
        assert breaker.reason == "It failed."
        clock.now += lengths[-1]
        assert breaker.reason is None
        assert breaker.probing

    assert 0.75 <= lengths[0] <= 1.25
    assert 3 <= lengths[2] <= 5
    assert LONGEST_REST_S * 0.75 <= lengths[-1] <= LONGEST_REST_S * 1.25
    assert breaker.works()
    assert not breaker.troubled
    assert rest(breaker) <= 1.25


def test_what_lasts_rests_at_once():
    breaker = Breaker(Clock())

    assert breaker.fault("Wrong password.", lasting=True) >= 7.5


def test_a_late_success_does_not_end_a_rest():
    breaker = Breaker(Clock())
    rest(breaker)

    assert not breaker.works()
    assert breaker.resting
