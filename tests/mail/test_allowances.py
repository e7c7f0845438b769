"""What a provider allows binds all mail through its server; campaigns leave a tenth of it."""

from listmonk_py.mail.allowances import Allowance, allowance_from_entry, send_within
from listmonk_py.mail.pacing import Pacer
from tests.sinks import SmtpSink

from .conftest import collect, letter, server

DAILY = Allowance(window_limit=10)


def vouched(redis) -> Pacer:
    pacer = Pacer(redis)
    pacer.vouch()
    return pacer


def test_an_entry_without_limits_has_none():
    assert not allowance_from_entry({"host": "mail.example.com"})
    assert Allowance().routes("s", "campaign") == ()
    assert allowance_from_entry({"message_rate": 14}).limits("s", "transactional")[0].limit == 14


def test_campaigns_leave_a_tenth_to_transactional_mail(redis):
    pacer = vouched(redis)

    assert pacer.take(DAILY.limits("s", "campaign"), 100).granted == 9
    assert pacer.take(DAILY.limits("s", "transactional"), 5).granted == 1
    assert pacer.take(DAILY.limits("other", "transactional"), 5).granted == 5


def test_transactional_mail_may_use_all_of_it_and_campaigns_then_none(redis):
    pacer = vouched(redis)

    assert pacer.take(DAILY.limits("s", "transactional"), 100).granted == 10
    assert pacer.take(DAILY.limits("s", "campaign"), 1).granted == 0


def test_a_server_takes_what_it_may_and_says_when_more(redis, sink, make_messenger):
    messenger = make_messenger(server(sink, allowance=Allowance(window_limit=2)))
    transmission = messenger.open("transactional", "from@example.com")

    sent, wait_s = send_within(transmission, [letter(key) for key in range(5)], vouched(redis))

    assert sent == 2
    assert wait_s > 0
    assert set(collect(transmission)) == {0, 1}


def test_the_rest_goes_through_a_server_without_a_limit(redis, sink, make_messenger):
    with SmtpSink() as other:
        messenger = make_messenger(server(sink, allowance=Allowance(window_limit=2)), server(other))
        transmission = messenger.open("transactional", "from@example.com")
        pacer = vouched(redis)

        for _ in range(3):
            assert send_within(transmission, [letter(key) for key in range(10)], pacer) == (10, 0.0)
            collect(transmission)

        assert len(sink.accepted) <= 2
        assert len(sink.accepted) + len(other.accepted) == 30
