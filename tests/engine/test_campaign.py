"""A whole campaign, from Start to the equation."""

import pytest

from campaigns import lifecycle
from campaigns.engine import ledger
from campaigns.status import Status
from tests.factories import make_list

from .conftest import add_people, send_all


def equation(campaign):
    campaign.refresh_from_db()
    return campaign.sent + campaign.deferred + campaign.failed + campaign.skipped + campaign.unknown


def test_everybody_on_three_overlapping_lists_is_mailed_once(engine, make_campaign):
    first, second, third = make_list(), make_list(), make_list()
    add_people(1500, first, second, prefix="a")
    add_people(700, second, prefix="b")
    add_people(300, second, third, prefix="c")
    campaign = make_campaign(first, second, third)

    lifecycle.start(campaign)
    send_all()

    campaign.refresh_from_db()
    assert campaign.status == Status.FINISHED
    assert campaign.to_send == 2500
    assert campaign.to_send_exact
    assert campaign.sent == 2500
    assert equation(campaign) == campaign.to_send
    assert ledger.count(campaign.pk)["accepted"] == 2500
    recipients = [message.recipients[0] for message in engine.messages]
    assert len(recipients) == len(set(recipients)) == 2500
    assert len({message.message_id for message in engine.messages}) == 2500
    assert engine.violations == []


def test_a_campaign_to_an_empty_list_finishes_at_once(engine, make_campaign):
    campaign = make_campaign(make_list())

    lifecycle.start(campaign)
    send_all(limit=2)

    campaign.refresh_from_db()
    assert campaign.status == Status.FINISHED
    assert campaign.to_send == 0


def test_refusals_and_deferrals_end_where_they_belong(engine, make_campaign):
    people = make_list()
    add_people(50, people)
    engine.script("rcpt", "550 5.1.1 No such user", address="p3@example.com")
    engine.script("rcpt", "451 4.2.0 Later", address="p4@example.com", times=1)
    engine.script("dot", "554 5.7.1 Not wanted", address="p5@example.com")
    campaign = make_campaign(people)

    lifecycle.start(campaign)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("campaigns.engine.verdicts.random.uniform", lambda low, high: 0.05)
        send_all()

    campaign.refresh_from_db()
    assert campaign.status == Status.FINISHED
    assert (campaign.sent, campaign.failed, campaign.deferred) == (48, 2, 0)
    assert equation(campaign) == campaign.to_send == 50
