"""What Anymail's normalised events mean (bounces/sources/anymail_verdicts.py)."""

import pytest
from anymail.signals import AnymailTrackingEvent

from bounces.sources import anymail
from bounces.sources.anymail_verdicts import by_status, meaning


def event(event_type, told=None, **fields):
    fields.setdefault("recipient", "cid@example.com")
    return AnymailTrackingEvent(event_type=event_type, esp_event=told or {}, **fields)


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ("550 5.1.1 <cid@example.com>: unknown", "hard"),
        ("smtp;550-5.1.10 RecipientNotFound", "hard"),
        ("550 5.1.8 bad address of the sender", "soft"),
        ("550 5.2.1 disabled", "hard"),
        ("552 5.2.2 over quota", "soft"),
        ("554 5.4.4 no route", "hard"),
        ("554 5.7.1 recipient address suppressed due to customer policy", "soft"),
        ("450 4.1.1 later", "soft"),
        ("421 try again", "soft"),
        ("450 mailbox unavailable", "soft"),
        ("550 5.5.0 Requested action not taken: mailbox unavailable", "hard"),
        ("550 5.0.0 User unknown", "hard"),
        ("550 No such user here", "hard"),
        ("550 blocked by 10.5.1.1", None),
        ("550 5.0.0 rejected", None),
        ("", None),
    ],
)
def test_what_a_server_said(said, verdict):
    assert by_status(said) == verdict


@pytest.mark.parametrize(
    ("provider", "given", "verdict"),
    [
        ("brevo", event("rejected", {"event": "blocked"}, reject_reason="blocked"), "soft"),
        ("sendgrid", event("rejected", {"event": "dropped"}, reject_reason="invalid"), "hard"),
        ("sendgrid", event("rejected", {"event": "dropped"}, reject_reason="bounced"), "hard"),
        ("mailjet", event("rejected", {"event": "blocked"}, reject_reason="spam"), "complaint"),
        ("sendgrid", event("rejected", {"event": "dropped"}, reject_reason="unsubscribed"), "unsubscribed"),
        ("sparkpost", event("rejected", {}, reject_reason="other"), "soft"),
        ("postmark", event("rejected", {"Type": "ManuallyDeactivated"}, reject_reason="blocked"), "hard"),
        ("postmark", event("rejected", {"Type": "DMARCPolicy"}, reject_reason="blocked"), "soft"),
        ("postmark", event("complained", {"Type": "SpamNotification"}, reject_reason="spam"), "soft"),
        ("mandrill", event("complained", {"event": "spam"}), "complaint"),
        ("mandrill", event("rejected", {"event": "reject"}), "soft"),
        ("postal", event("failed", {}, mta_response="550 5.7.1 policy"), "soft"),
        ("postal", event("bounced", {}, reject_reason="bounced"), "soft"),
        ("brevo", event("failed", {"event": "error"}), None),
        ("amazon_ses", event("failed", {"eventType": "Rendering Failure"}), None),
        ("brevo", event("bounced", {"event": "new word"}, reject_reason="invalid"), "hard"),
        ("resend", event("bounced", {"data": {"bounce": {"type": "Undetermined"}}}), "soft"),
        ("nobody", event("bounced", None, description="5.1.1"), "hard"),
        ("nobody", event("bounced", None, mta_response=5), "soft"),
        *[
            ("brevo", event(name), None)
            for name in (
                "deferred",
                "delivered",
                "opened",
                "clicked",
                "queued",
                "sent",
                "unknown",
                "subscribed",
            )
        ],
    ],
)
def test_what_an_event_means(provider, given, verdict):
    assert meaning(provider, given) == verdict


def test_an_event_without_an_id_is_known_by_what_it_tells():
    def identity(**changes):
        given = event("bounced", {"sending_ip": changes.pop("ip", "a")}, **{"message_id": "m", **changes})
        return anymail.identity("brevo", given, given.esp_event)

    assert identity() == identity(ip="b")
    assert len({identity(), identity(message_id="n"), identity(recipient="dan@example.com")}) == 3
    assert identity(message_id=None, ip="a") != identity(message_id=None, ip="b")


@pytest.mark.parametrize(
    "name", ["listmonk_campaign", "X-Listmonk-Campaign", "x-listmonk-campaign", "XListmonkCampaign"]
)
def test_the_campaign_is_found_under_every_name(name):
    given = event("bounced", metadata={name: "11111111-1111-4111-8111-111111111111", "user": 5})

    found = anymail.normalised("sendgrid", given, "soft")

    assert str(found.campaign_uuid) == "11111111-1111-4111-8111-111111111111"
    assert anymail.normalised("sendgrid", event("bounced", metadata=[1]), "soft").campaign_uuid is None
    assert anymail.normalised("x", event("bounced", metadata={name: "no"}), "soft").campaign_uuid is None
