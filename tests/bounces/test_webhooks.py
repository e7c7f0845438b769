"""Webhooks: listmonk's own, and the providers' with their real signatures (contract 8.3, 8.4)."""

import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bounces.models import Bounce
from bounces.sources import azure, lettermint, ses
from bounces.sources.source import Hook, InvalidHook
from campaigns.models import Campaign
from listmonk_py.configuration import runtime
from tests.bounces.amazon import CERTIFICATE, make_key, signed
from tests.factories import call, make_api_client, make_subscriber

pytestmark = pytest.mark.django_db

ON = {"bounce.enabled": True, "bounce.webhooks_enabled": True}
TEN = {"count": 10, "action": "none"}


@pytest.fixture(autouse=True)
def switched_on():
    runtime.save({**ON, "bounce.actions": {"soft": TEN, "hard": TEN, "complaint": TEN}})


@pytest.fixture
def person():
    return make_subscriber(email="cid@example.com")


@pytest.fixture
def campaign():
    return Campaign.objects.create(
        name="x", subject="x", from_email="a@b.example", body="x", messenger="email"
    )


@pytest.fixture
def admin():
    return make_api_client(superadmin=True)


def tell(client, name, body, **headers):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {header.replace("_", "-"): value for header, value in headers.items()}
    response = client.post(f"/webhooks/service/{name}", raw, content_type="application/json", headers=headers)
    return response.status_code, response.json()


OK = (200, {"data": True})


# --- listmonk's own --------------------------------------------------------------------------------


def test_a_client_tells_a_bounce_by_address(admin, person, campaign):
    body = {"email": "Cid@example.com", "source": "golden", "type": "soft", "meta": {"why": "full"}}

    assert call(admin, "POST", "/webhooks/bounce", {**body, "campaign_uuid": str(campaign.uuid)}) == OK

    row = Bounce.objects.get()
    assert (row.subscriber, row.campaign, row.source, row.type) == (person, campaign, "golden", "soft")
    assert row.meta == {"why": "full"}


def test_a_client_tells_a_bounce_by_uuid_and_date(admin, person):
    body = {"subscriber_uuid": str(person.uuid), "type": "hard", "created_at": "2026-01-02T03:04:05Z"}

    assert call(admin, "POST", "/webhooks/bounce", body) == OK
    assert Bounce.objects.get().created_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_an_unknown_person_is_no_error(admin):
    assert call(admin, "POST", "/webhooks/bounce", {"email": "no@example.com", "type": "soft"}) == OK


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"email": "cid@example.com"}, "type"),
        ({"email": "cid@example.com", "type": "weird"}, "type"),
        ({"type": "soft"}, "email / subscriber_uuid"),
        ({"subscriber_uuid": "x", "type": "soft"}, "subscriber_uuid"),
        ({"email": 5, "type": "soft"}, "email"),
        ({"email": "cid@example.com", "type": "soft", "meta": "x"}, "meta"),
        ({"email": "cid@example.com", "type": "soft", "created_at": "yesterday"}, "created_at"),
        ({"email": "cid@example.com", "type": "soft", "source": 5}, "source"),
        ([], "object"),
    ],
)
def test_what_is_wrong_is_told(admin, person, body, word):
    status, answer = call(admin, "POST", "/webhooks/bounce", body)

    assert status == 400
    assert word in answer["message"]
    assert not Bounce.objects.exists()


def test_the_native_webhook_wants_a_login_and_its_permission(client, admin):
    body = {"email": "cid@example.com", "type": "soft"}

    assert call(client, "POST", "/webhooks/bounce", body) == (403, {"message": "invalid session"})
    assert call(make_api_client("bounces:manage"), "POST", "/webhooks/bounce", body)[0] == 403
    assert call(make_api_client("webhooks:post_bounce"), "POST", "/webhooks/bounce", body) == OK
    assert admin.post("/webhooks/bounce", "{", content_type="application/json").status_code == 400


def test_switches(admin, client):
    body = {"email": "cid@example.com", "type": "soft"}
    runtime.save({"bounce.enabled": False, "bounce.ses_enabled": True})
    assert call(admin, "POST", "/webhooks/bounce", body)[0] == 503
    assert tell(client, "ses", {})[0] == 503

    runtime.save({"bounce.webhooks_enabled": False})
    for path in ("/webhooks/bounce", "/webhooks/service/ses"):
        response = admin.post(path, body, content_type="application/json")
        assert (response.status_code, response["Content-Type"]) == (404, "text/html; charset=utf-8")


def test_unknown_and_disabled_services(client):
    assert tell(client, "mailgun", {}) == (400, {"message": "Unknown service."})
    assert tell(client, "ses", {}) == (400, {"message": "Unknown service."})


# --- Postmark --------------------------------------------------------------------------------------

POSTMARK = {
    "RecordType": "Bounce",
    "Type": "HardBounce",
    "ID": 42,
    "Email": "cid@example.com",
    "BouncedAt": "2026-01-02T03:04:05Z",
}


def basic(text):
    return "Basic " + base64.b64encode(text.encode()).decode()


def postmark_on():
    runtime.save({"bounce.postmark": {"enabled": True, "username": "pm", "password": "secret"}})


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, "hard"),
        ({"Type": "SoftBounce"}, "soft"),
        ({"Type": "DMARCPolicy"}, "soft"),
        ({"RecordType": "SpamComplaint", "Type": "SpamComplaint"}, "complaint"),
    ],
)
@pytest.mark.parametrize("name", ["X-Listmonk-Campaign", "listmonk_campaign"])
def test_postmark(client, person, campaign, changes, kind, name):
    postmark_on()
    body = {**POSTMARK, "Metadata": {name: str(campaign.uuid)}, **changes}

    assert tell(client, "postmark", body, Authorization=basic("pm:secret")) == OK
    assert tell(client, "postmark", body, Authorization=basic("pm:secret")) == OK

    row = Bounce.objects.get()
    assert (row.type, row.source, row.campaign, row.meta["ID"]) == (kind, "postmark", campaign, 42)


@pytest.mark.parametrize("header", ["", basic("pm:wrong"), basic("pm"), "Basic !", "Bearer x"])
def test_postmark_without_the_password(client, person, header):
    postmark_on()

    status, answer = tell(client, "postmark", POSTMARK, Authorization=header)

    assert (status, answer) == (401, {"message": "Unauthorized"})
    assert not Bounce.objects.exists()


def test_postmark_without_a_password_set_lets_nobody_in(client):
    runtime.save({"bounce.postmark": {"enabled": True, "username": "", "password": ""}})

    assert tell(client, "postmark", POSTMARK, Authorization=basic(":"))[0] == 401


def test_other_records_of_postmark_are_ignored_and_other_types_refused(client, person):
    postmark_on()

    assert (
        tell(client, "postmark", {**POSTMARK, "RecordType": "Open"}, Authorization=basic("pm:secret")) == OK
    )
    status = tell(client, "postmark", {**POSTMARK, "Type": "Odd"}, Authorization=basic("pm:secret"))[0]
    assert status == 400
    assert not Bounce.objects.exists()


# --- Forward Email ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("category", "kind"), [("recipient", "hard"), ("virus", "hard"), ("network", "soft"), (None, "soft")]
)
def test_forwardemail(client, person, category, kind):
    runtime.save({"bounce.forwardemail": {"enabled": True, "key": "fe-key"}})
    body = json.dumps(
        {
            "recipient": "cid@example.com",
            "bounce": {"category": category},
            "bounced_at": "2026-01-02T03:04:05Z",
        }
    ).encode()
    signature = hmac.new(b"fe-key", body, hashlib.sha256).hexdigest()

    assert tell(client, "forwardemail", body, X_Webhook_Signature="00")[0] == 400
    assert tell(client, "forwardemail", body)[0] == 400
    assert tell(client, "forwardemail", body + b" ", X_Webhook_Signature=signature)[0] == 400
    assert tell(client, "forwardemail", body, X_Webhook_Signature=signature) == OK
    assert Bounce.objects.get().type == kind


# --- Lettermint ------------------------------------------------------------------------------------


def lettermint_signature(body, at):
    digest = hmac.new(b"lm-key", f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ("message.hard_bounced", "hard"),
        ("message.soft_bounced", "soft"),
        ("message.spam_complaint", "complaint"),
        ("message.delivered", None),
    ],
)
def test_lettermint(client, person, event, kind):
    runtime.save({"bounce.lettermint": {"enabled": True, "key": "lm-key"}})
    body = json.dumps({"id": "lm-1", "event": event, "data": {"recipient": "cid@example.com"}}).encode()
    signature = lettermint_signature(body, int(time.time()))

    assert tell(client, "lettermint", body, X_Lettermint_Signature=signature) == OK
    assert [row.type for row in Bounce.objects.all()] == ([kind] if kind else [])


def test_lettermint_refuses_what_is_old_or_not_signed(client, person):
    runtime.save({"bounce.lettermint": {"enabled": True, "key": "lm-key"}})
    now = 1_000_000

    def verify(signature, at=now):
        lettermint.verify(Hook(body=b"{}", headers={"X-Lettermint-Signature": signature}, query={}), now=at)

    verify(lettermint_signature(b"{}", now))
    verify(lettermint_signature(b"{}", now - 299))
    for bad in ("", "t=1", "v1=", lettermint_signature(b"{}", now - 301), lettermint_signature(b"[]", now)):
        with pytest.raises(InvalidHook):
            verify(bad)


# --- SendGrid --------------------------------------------------------------------------------------


@pytest.fixture
def sendgrid_key():
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    runtime.save({"bounce.sendgrid_enabled": True, "bounce.sendgrid_key": base64.b64encode(public).decode()})
    return key


def sendgrid(client, key, events, *, spoil=b""):
    body = json.dumps(events).encode()
    signature = key.sign(b"1700000000" + body, ec.ECDSA(hashes.SHA256()))
    return tell(
        client,
        "sendgrid",
        body + spoil,
        X_Twilio_Email_Event_Webhook_Signature=base64.b64encode(signature).decode(),
        X_Twilio_Email_Event_Webhook_Timestamp="1700000000",
    )


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"event": "bounce", "bounce_classification": "Invalid Address"}, "hard"),
        ({"event": "bounce", "bounce_classification": "Technical"}, "soft"),
        ({"event": "bounce", "bounce_classification": "content"}, "soft"),
        ({"event": "bounce", "type": "blocked"}, "soft"),
        ({"event": "spamreport"}, "complaint"),
        ({"event": "delivered"}, None),
    ],
)
def test_sendgrid(client, person, campaign, sendgrid_key, event, kind):
    told = {
        "email": "cid@example.com",
        "sg_event_id": "sg-1",
        "XListmonkCampaign": str(campaign.uuid),
        **event,
    }

    assert sendgrid(client, sendgrid_key, [told, "odd"]) == OK
    assert sendgrid(client, sendgrid_key, [told]) == OK

    assert [(row.type, row.campaign) for row in Bounce.objects.all()] == ([(kind, campaign)] if kind else [])


def test_sendgrid_refuses_what_is_not_signed(client, person, sendgrid_key):
    event = [{"email": "cid@example.com", "event": "bounce"}]

    assert tell(client, "sendgrid", event)[0] == 400
    assert sendgrid(client, sendgrid_key, event, spoil=b" ")[0] == 400
    assert sendgrid(client, ec.generate_private_key(ec.SECP256R1()), event)[0] == 400
    assert sendgrid(client, sendgrid_key, {"event": "bounce"})[0] == 400
    runtime.save({"bounce.sendgrid_key": "nonsense"})
    assert sendgrid(client, sendgrid_key, event)[0] == 400
    assert not Bounce.objects.exists()


# --- Azure -----------------------------------------------------------------------------------------


def azure_on(**fields):
    runtime.save(
        {"bounce.azure": {"enabled": True, "shared_secret": "az", "shared_secret_header": "", **fields}}
    )


def report(status, reason=""):
    return {
        "id": "az-1",
        "eventType": azure.REPORT,
        "data": {
            "recipient": "cid@example.com",
            "status": status,
            "deliveryStatusDetails": {"statusMessage": reason},
            "deliveryAttemptTimestamp": "2026-01-02T03:04:05Z",
        },
    }


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        ("Bounced", "", "hard"),
        ("Suppressed", "", "hard"),
        ("Failed", "550 5.1.1 no such user", "hard"),
        ("Failed", "451 4.7.1 later", "soft"),
        ("Failed", "the mailbox full", "soft"),
        ("Failed", "the address does not exist", "hard"),
        ("Failed", "something else", "soft"),
        ("Failed", "from 10.5.1.1 something else", "soft"),
        ("FilteredSpam", "", "soft"),
        ("Quarantined", "abuse report", "complaint"),
        ("Delivered", "", None),
    ],
)
def test_what_azure_says(status, reason, kind):
    assert azure.type_of(status, reason) == kind


def test_azure(client, person):
    azure_on()
    capitals = report("Bounced")
    capitals["data"] = {"Recipient": "cid@example.com", "Status": "Bounced"}
    capitals["id"] = "az-2"

    assert tell(client, "azure", [report("Bounced")])[0] == 400
    assert tell(client, "azure", [report("Bounced")], X_Listmonk_Webhook_Secret="no")[0] == 400
    assert tell(client, "azure", [report("Bounced"), capitals], X_Listmonk_Webhook_Secret="az") == OK
    assert tell(client, "azure?code=az", [report("Bounced")]) == OK
    assert Bounce.objects.count() == 2


def test_azure_validation(client):
    azure_on(shared_secret_header="X-Own")
    body = [{"id": "1", "eventType": azure.VALIDATION, "data": {"validationCode": "CODE-1"}}]
    headers = {"aeg_event_type": "SubscriptionValidation", "X_Own": "az"}

    assert tell(client, "azure", body, **headers) == (200, {"validationResponse": "CODE-1"})
    assert tell(client, "azure", [], **headers)[0] == 400


# --- Amazon SES ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def amazon():
    return make_key()


@pytest.fixture
def ses_on(amazon, monkeypatch):
    """SES switched on; what would go to Amazon's hosts is noted instead."""
    runtime.save({"bounce.ses_enabled": True})
    asked = []

    def fetch(url):
        asked.append(url)
        return amazon[1]

    monkeypatch.setattr(ses, "fetch", fetch)
    ses.public_key.cache_clear()
    yield asked
    ses.public_key.cache_clear()


def ses_bounce(campaign=None, **bounce):
    headers = [{"name": "X-Listmonk-Campaign", "value": str(campaign.uuid)}] if campaign else []
    return {
        "notificationType": "Bounce",
        "bounce": {
            "bounceType": "Permanent",
            "bouncedRecipients": [{"emailAddress": "cid@example.com"}],
            **bounce,
        },
        "mail": {"timestamp": "2026-01-02T03:04:05Z", "destination": ["x@example.com"], "headers": headers},
    }


@pytest.mark.parametrize("version", ["1", "2"])
def test_ses_with_either_signature(client, person, campaign, amazon, ses_on, version):
    message = signed(amazon, ses_bounce(campaign), version=version)

    assert tell(client, "ses", message) == OK
    assert tell(client, "ses", message) == OK

    row = Bounce.objects.get()
    assert (row.type, row.source, row.campaign, row.subscriber) == ("hard", "ses", campaign, person)
    assert ses_on == [CERTIFICATE]


def test_ses_blames_those_who_bounced(client, person, amazon, ses_on):
    second = make_subscriber(email="dan@example.com")
    make_subscriber(email="x@example.com")
    people = [
        {"emailAddress": "cid@example.com", "status": "4.2.2"},
        {"emailAddress": "Dan@example.com", "status": "5.4.4"},
    ]

    assert (
        tell(client, "ses", signed(amazon, ses_bounce(bounceType="Transient", bouncedRecipients=people)))
        == OK
    )

    assert set(Bounce.objects.values_list("subscriber_id", "type")) == {
        (person.pk, "soft"),
        (second.pk, "hard"),
    }


@pytest.mark.parametrize("name", ["notificationType", "eventType"])
def test_ses_complaints_by_notification_and_by_configuration_set(client, person, amazon, ses_on, name):
    message = {
        name: "Complaint",
        "complaint": {"complainedRecipients": [{"emailAddress": "cid@example.com"}]},
        "mail": {},
    }

    assert tell(client, "ses", signed(amazon, message)) == OK
    assert Bounce.objects.get().type == "complaint"


def test_ses_subscriptions_are_confirmed(client, amazon, ses_on):
    url = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t"
    message = signed(amazon, "Confirm", Type="SubscriptionConfirmation", SubscribeURL=url, Token="t")

    assert tell(client, "ses", message) == OK
    assert ses_on == [CERTIFICATE, url]


@pytest.mark.parametrize(
    "spoil",
    [
        {"Message": "{}"},
        {"Signature": "AAAA"},
        {"Signature": "!"},
        {"SignatureVersion": "3"},
        {"SignatureVersion": "1"},
        {"SigningCertURL": "https://evil.example/SimpleNotificationService-0123abcd.pem"},
        {
            "SigningCertURL": "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-1.pem"
        },
        {"SigningCertURL": "https://a@sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem"},
        {"SigningCertURL": "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem"},
        {"SigningCertURL": "https://sns.eu-west-1.amazonaws.com/other.pem"},
        {"Type": "Other"},
    ],
)
def test_ses_refuses_what_amazon_did_not_sign(client, person, amazon, ses_on, spoil):
    assert tell(client, "ses", {**signed(amazon, ses_bounce()), **spoil})[0] == 400
    assert not Bounce.objects.exists()
    assert all(url == CERTIFICATE for url in ses_on)


def test_ses_does_not_follow_a_subscribe_url_elsewhere(client, amazon, ses_on):
    message = signed(
        amazon,
        "Confirm",
        Type="SubscriptionConfirmation",
        SubscribeURL="http://10.0.0.1/",
        Token="t",
    )

    assert tell(client, "ses", message)[0] == 400
    assert ses_on == [CERTIFICATE]


@pytest.mark.parametrize(
    "message", ["Successfully validated SNS topic", "[]", {"notificationType": "Delivery"}]
)
def test_ses_other_notifications_are_ignored(client, amazon, ses_on, message):
    assert tell(client, "ses", signed(amazon, message)) == OK


@pytest.mark.parametrize("name", ["ses", "azure", "sendgrid", "postmark", "forwardemail", "lettermint"])
@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[1]", b'"x"', b"\xff", b'{"Type":"Notification"}'])
def test_no_nonsense_is_a_server_error(client, name, body):
    runtime.save(
        {
            "bounce.ses_enabled": True,
            "bounce.sendgrid_enabled": True,
            "bounce.azure": {"enabled": True, "shared_secret": "", "shared_secret_header": ""},
            "bounce.postmark": {"enabled": True, "username": "pm", "password": "secret"},
            "bounce.forwardemail": {"enabled": True, "key": "k"},
            "bounce.lettermint": {"enabled": True, "key": "k"},
        }
    )

    status, _ = tell(client, name, body, Authorization=basic("pm:secret"))

    assert status in (200, 400)
    assert not Bounce.objects.exists()
