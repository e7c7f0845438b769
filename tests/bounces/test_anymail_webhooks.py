"""Reports of providers by way of django-anymail: requests as the providers describe them, with real proofs."""

import base64
import hashlib
import hmac
import json
import time
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from django.db import transaction
from django.test import Client

from bounces.models import Bounce
from bounces.sources import ses, svix
from bounces.sources.anymail_doors import DOORS
from bounces.sources.source import InvalidHook
from campaigns.models import Campaign, CampaignList
from listmonk_py.configuration import runtime
from listmonk_py.mail.anymail_messenger import BACKENDS, METADATA
from listmonk_py.mail.anymail_options import WEBHOOK_OPTIONS
from subscribers.models import Subscriber, Subscription
from tests.bounces.amazon import CERTIFICATE, make_key, signed
from tests.factories import make_list, make_subscriber

pytestmark = pytest.mark.django_db

SECRET = "hooks:pass word"
BASIC = "Basic " + base64.b64encode(SECRET.encode()).decode()
OK = (200, {"data": True})
NONE_COUNTS = {"count": 10, "action": "none"}


@pytest.fixture(autouse=True)
def switched_on():
    actions = {"soft": NONE_COUNTS, "hard": {"count": 1, "action": "blocklist"}, "complaint": NONE_COUNTS}
    runtime.save({"bounce.enabled": True, "bounce.webhooks_enabled": True, "bounce.actions": actions})


@pytest.fixture
def person():
    return make_subscriber(email="cid@example.com", lists={make_list(name="News"): "confirmed"})


@pytest.fixture
def campaign():
    return Campaign.objects.create(
        name="May", subject="May", from_email="a@b.example", body="x", messenger="email"
    )


def entry(backend, number=1, *, enabled=True, **options):
    return {
        "uuid": f"00000000-0000-4000-8000-{number:012}", "enabled": enabled, "name": f"{backend}-{number}",
        "backend": backend, "options": options, "max_conns": 1,
    }  # fmt: skip


def configure(*entries):
    runtime.save({"anymail": list(entries)})


def tell(provider, body, *, content_type="application/json", **headers):
    """POST `body` to the provider's door; header names with `_` for `-`."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    path = f"/webhooks/anymail/{provider}/tracking"
    response = Client().post(path, raw, content_type=content_type, headers=names)
    return response.status_code, response.json()


def rows():
    return [(row.type, row.source, row.subscriber.email) for row in Bounce.objects.all()]


def marks(campaign, person):
    """What the messenger gives every message along."""
    return dict(zip(METADATA.values(), (str(campaign.uuid), str(person.uuid)), strict=True))


# --- What each provider sends ----------------------------------------------------------------------
# Each gives the request for an event of one kind; the proof is a password unless the provider signs.


def postmark(kind, meta):
    record = {
        "hard": {"RecordType": "Bounce", "Type": "HardBounce", "TypeCode": 1, "Name": "Hard bounce"},
        "soft": {"RecordType": "Bounce", "Type": "SoftBounce", "TypeCode": 4096, "Name": "Soft bounce"},
        "complaint": {"RecordType": "SpamComplaint", "Type": "SpamComplaint", "TypeCode": 512},
    }[kind]
    return {
        **record,
        "MessageStream": "broadcast",
        "ID": 4323372036854775807,
        "ServerID": 23,
        "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483",
        "Metadata": meta,
        "Description": "The server was unable to deliver your message (ex: unknown user).",
        "Details": "smtp;550 5.1.1 The email account that you tried to reach does not exist.",
        "Email": "cid@example.com",
        "From": "news@example.com",
        "BouncedAt": "2026-05-02T03:04:05.1234567Z",
        "DumpAvailable": True,
        "Inactive": True,
        "CanActivate": True,
        "Subject": "May",
    }


def sendgrid(kind, meta):
    told = {
        "hard": {"event": "bounce", "type": "bounce", "bounce_classification": "Invalid Address"},
        "soft": {"event": "bounce", "type": "blocked", "bounce_classification": "Technical"},
        "complaint": {"event": "spamreport"},
    }[kind]
    if kind != "complaint":
        told |= {"reason": "550 5.1.1 unknown user", "status": "5.1.1"}
    event = {
        "email": "cid@example.com", "timestamp": 1777690000, "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>",
        "sg_event_id": "6g4ZI7SA-xmRDv57GoPIPw==", "sg_message_id": "14c5d75ce93.filter0001", **told, **meta,
    }  # fmt: skip
    return [event, {**event, "event": "processed", "sg_event_id": "other"}]


def brevo(kind, meta):
    event = {"hard": "hard_bounce", "soft": "soft_bounce", "complaint": "spam"}[kind]
    return {
        "event": event, "email": "cid@example.com", "id": 1, "date": "2026-05-02 05:04:05", "ts": 1777690000,
        "message-id": "<202605020304.1@smtp-relay.mailin.fr>", "ts_event": 1777690000,
        "ts_epoch": 1777690000123, "subject": "May", "X-Mailin-custom": json.dumps(meta),
        "reason": "server is down", "sending_ip": "192.0.2.7",
    }  # fmt: skip


def mailjet(kind, meta):
    told = {
        "hard": {
            "event": "bounce", "blocked": True, "hard_bounce": True, "error_related_to": "recipient",
            "error": "user unknown",
        },
        "soft": {
            "event": "bounce", "blocked": False, "hard_bounce": False, "error_related_to": "recipient",
            "error": "quota exceeded",
        },
        "complaint": {"event": "spam", "source": "JMRPP"},
    }[kind]  # fmt: skip
    return {
        "time": 1777690000, "MessageID": 13792286917004336, "Message_GUID": "1ab23cd4", "email": "cid@example.com",
        "mj_campaign_id": 0, "mj_contact_id": 0, "customcampaign": "", "CustomID": "",
        "Payload": json.dumps(meta), **told,
    }  # fmt: skip


def sparkpost(kind, meta):
    told = {
        "hard": {
            "type": "bounce",
            "bounce_class": "10",
            "error_code": "550",
            "raw_reason": "550 5.1.1 unknown",
        },
        "soft": {"type": "bounce", "bounce_class": "22", "error_code": "552", "raw_reason": "552 5.2.2 full"},
        "complaint": {"type": "spam_complaint", "fbtype": "abuse"},
    }[kind]
    event = {
        "event_id": "92356927693813856", "message_id": "000443ee14578172be22", "rcpt_meta": meta,
        "rcpt_to": "cid@example.com", "raw_rcpt_to": "Cid@example.com", "timestamp": "1777690000",
        "transmission_id": "65832150921904138", "subject": "May", **told,
    }  # fmt: skip
    return [{"msys": {"message_event": event}}, {"msys": {}}]


def mailtrap(kind, meta):
    event = {"hard": "bounce", "complaint": "spam"}[kind]
    return {
        "events": [
            {
                "event": event, "email": "cid@example.com", "timestamp": 1777690000, "category": "x",
                "message_id": "8f2c4a2e-1b1a-4e6e-9a7e-000000000001", "sending_stream": "bulk",
                "event_id": "8f2c4a2e-1b1a-4e6e-9a7e-000000000002", "custom_variables": meta,
                "response": "550 5.1.1 no such user", "response_code": 550,
            }
        ]
    }  # fmt: skip


PASSWORDS = {
    "postmark": postmark,
    "sendgrid": sendgrid,
    "brevo": brevo,
    "mailjet": mailjet,
    "sparkpost": sparkpost,
    "mailtrap": mailtrap,
}


@pytest.mark.parametrize(
    ("provider", "kind"),
    [
        (provider, kind)
        for provider in PASSWORDS
        for kind in ("hard", "soft", "complaint")
        if (provider, kind) != ("mailtrap", "soft")  # told as deferred, while Mailtrap still tries
    ],
)
def test_a_report_is_recorded_once_and_decided(provider, kind, person, campaign):
    configure(entry(provider, webhook_secret=SECRET))
    body = PASSWORDS[provider](kind, marks(campaign, person))

    assert tell(provider, body, Authorization=BASIC) == OK
    assert tell(provider, body, Authorization=BASIC) == OK

    assert rows() == [(kind, provider, "cid@example.com")]
    row = Bounce.objects.get()
    assert (row.campaign, row.created_at.year) == (campaign, 2026)
    person.refresh_from_db()
    hard = kind == "hard"
    assert person.status == ("blocklisted" if hard else "enabled")
    assert Subscription.objects.get(subscriber=person).status == ("unsubscribed" if hard else "confirmed")


@pytest.mark.parametrize("provider", PASSWORDS)
def test_without_the_password_nothing_is_taken(provider, person, campaign):
    configure(entry(provider, webhook_secret=SECRET))
    body = PASSWORDS[provider]("hard", {})
    wrong = "Basic " + base64.b64encode(b"hooks:other").decode()

    status, answer = tell(provider, body)
    assert (status, answer) == (401, {"message": "Unauthorized"})
    for header in (wrong, "Basic !", "Basic", "Bearer x", SECRET):
        assert tell(provider, body, Authorization=header)[0] == 400
    assert not Bounce.objects.exists()


def test_a_401_asks_for_the_password():
    configure(entry("postmark", webhook_secret=SECRET))

    response = Client().post("/webhooks/anymail/postmark/tracking", {}, content_type="application/json")

    assert response["WWW-Authenticate"].startswith("basic")


# --- Providers that sign ---------------------------------------------------------------------------

MAILGUN_KEY = "signing-key"


def mailgun(kind, meta, *, token="a" * 50, key=MAILGUN_KEY):
    told = {
        "hard": {
            "event": "failed", "severity": "permanent", "reason": "bounce",
            "delivery-status": {"code": 550, "message": "5.1.1 does not exist", "attempt-no": 1},
        },
        "soft": {
            "event": "failed", "severity": "permanent", "reason": "generic",
            "delivery-status": {"code": 552, "message": "5.2.2 mailbox full", "attempt-no": 5},
        },
        "deferred": {
            "event": "failed", "severity": "temporary", "reason": "generic",
            "delivery-status": {"code": 451, "message": "4.2.0 later", "attempt-no": 1},
        },
        "suppressed": {
            "event": "failed", "severity": "permanent", "reason": "suppress-bounce",
            "delivery-status": {"code": 605, "message": "", "description": "Not delivering to a bounced address"},
        },
        "complaint": {"event": "complained"},
        "unsubscribed": {"event": "unsubscribed"},
    }[kind]  # fmt: skip
    stamp = "1777690000"
    return {
        "signature": {
            "timestamp": stamp,
            "token": token,
            "signature": hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest(),
        },
        "event-data": {
            "id": "G9Bn5sl1TC6nu79C8C0bwg", "timestamp": 1777690000.5, "log-level": "error",
            "recipient": "cid@example.com", "recipient-domain": "example.com", "tags": [],
            "message": {"headers": {"to": "cid@example.com", "message-id": "x@example.com", "subject": "May"}},
            "user-variables": meta, "flags": {"is-test-mode": False}, **told,
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "stored"),
    [
        ("hard", "hard"),
        ("suppressed", "hard"),
        ("soft", "soft"),
        ("complaint", "complaint"),
        ("deferred", None),
    ],
)
def test_mailgun(kind, stored, person, campaign):
    configure(entry("mailgun", webhook_signing_key=MAILGUN_KEY, api_key="other"))

    assert tell("mailgun", mailgun(kind, marks(campaign, person))) == OK
    assert tell("mailgun", mailgun(kind, marks(campaign, person), token="b" * 50)) == OK

    assert rows() == ([(stored, "mailgun", "cid@example.com")] if stored else [])
    assert {row.campaign for row in Bounce.objects.all()} <= {campaign}


def test_mailgun_signed_with_another_key(person):
    configure(entry("mailgun", webhook_signing_key=MAILGUN_KEY))

    for body in (mailgun("hard", {}, key="other"), {"event-data": {}}, {}, []):
        assert tell("mailgun", body)[0] == 400
    assert not Bounce.objects.exists()


def test_mailguns_old_form(person):
    configure(entry("mailgun", api_key="key-123"))
    signature = hmac.new(b"key-123", b"1777690000tok", hashlib.sha256).hexdigest()
    fields = {
        "event": "bounced", "recipient": "cid@example.com", "code": "550", "error": "5.1.1 unknown user",
        "timestamp": "1777690000", "token": "tok", "signature": signature,
    }  # fmt: skip
    form = "application/x-www-form-urlencoded"

    assert tell("mailgun", urlencode(fields).encode(), content_type=form) == OK
    assert tell("mailgun", urlencode({**fields, "token": "x"}).encode(), content_type=form)[0] == 400

    assert rows() == [("hard", "mailgun", "cid@example.com")]


RESEND_SECRET = "whsec_" + base64.b64encode(b"a key of twenty-four byt").decode()


def resend_signature(body, *, secret=RESEND_SECRET, at=None, message_id="msg_1"):
    stamp = str(int(time.time() if at is None else at))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{message_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "svix_id": message_id,
        "svix_timestamp": stamp,
        "svix_signature": f"v1,{base64.b64encode(b'other').decode()} v1,{base64.b64encode(mac).decode()}",
    }


def resend(kind, meta):
    event, bounce = {
        "hard": ("email.bounced", {"type": "Permanent", "subType": "General", "message": "a bounce message"}),
        "soft": (
            "email.bounced",
            {"type": "Transient", "subType": "MailboxFull", "message": "a bounce message"},
        ),
        "complaint": ("email.complained", None),
    }[kind]
    data = {
        "created_at": "2026-05-02T03:04:00.000Z", "email_id": "56761188-7520-42d8-8898-ff6fc54ce618",
        "from": "News <news@example.com>", "to": ["cid@example.com"], "subject": "May",
        "headers": [{"name": "X-Metadata", "value": json.dumps(meta)}],
    }  # fmt: skip
    if bounce:
        data["bounce"] = bounce
    return json.dumps({"type": event, "created_at": "2026-05-02T03:04:05.000Z", "data": data}).encode()


@pytest.mark.parametrize("kind", ["hard", "soft", "complaint"])
def test_resend(kind, person, campaign):
    configure(entry("resend", signing_secret=RESEND_SECRET))
    body = resend(kind, marks(campaign, person))

    assert tell("resend", body, **resend_signature(body)) == OK
    assert tell("resend", body, **resend_signature(body)) == OK

    assert rows() == [(kind, "resend", "cid@example.com")]
    assert Bounce.objects.get().campaign == campaign


def test_resend_refuses_what_is_not_signed(person):
    configure(entry("resend", signing_secret=RESEND_SECRET))
    body = resend("hard", {})
    other = "whsec_" + base64.b64encode(b"another").decode()

    assert tell("resend", body)[0] == 400
    assert tell("resend", body + b" ", **resend_signature(body))[0] == 400
    assert tell("resend", body, **resend_signature(body, secret=other))[0] == 400
    assert tell("resend", body, **resend_signature(body, at=time.time() - 3600))[0] == 400
    assert not Bounce.objects.exists()


def test_signatures_of_svix_have_five_minutes_either_way():
    def verify(at, **changes):
        signature = resend_signature(b"{}", at=at)
        headers = {name.replace("_", "-"): value for name, value in signature.items()} | changes
        svix.verify(b"{}", headers, RESEND_SECRET, now=1_000_000)

    for at in (1_000_000, 999_701, 1_000_299):
        verify(at)
    for at, changes in (
        (999_600, {}),
        (1_000_400, {}),
        (1_000_000, {"svix-timestamp": "nan"}),
        (1_000_000, {"svix-timestamp": "soon"}),
        (1_000_000, {"svix-signature": "v1"}),
        (1_000_000, {"svix-id": "msg_2"}),
    ):
        with pytest.raises(InvalidHook):
            verify(at, **changes)
    with pytest.raises(InvalidHook):
        svix.verify(b"{}", {"svix-timestamp": "1000000"}, "whsec_", now=1_000_000)


def test_sendgrid_may_sign_instead(person):
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    configure(entry("sendgrid", tracking_webhook_verification_key=base64.b64encode(public).decode()))
    body = json.dumps(sendgrid("hard", {})).encode()

    def send(sent, by=key):
        signature = by.sign(b"1777690000" + body, ec.ECDSA(hashes.SHA256()))
        return tell(
            "sendgrid", sent,
            X_Twilio_Email_Event_Webhook_Signature=base64.b64encode(signature).decode(),
            X_Twilio_Email_Event_Webhook_Timestamp="1777690000",
        )  # fmt: skip

    assert send(body + b" ")[0] == 400
    assert send(body, by=ec.generate_private_key(ec.SECP256R1()))[0] == 400
    assert tell("sendgrid", body, Authorization=BASIC)[0] == 400
    assert not Bounce.objects.exists()
    assert send(body) == OK
    assert rows() == [("hard", "sendgrid", "cid@example.com")]
    configure(entry("sendgrid", tracking_webhook_verification_key="nonsense"))
    assert send(body)[0] == 400


def test_postal_signs_with_its_key(person):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    configure(entry("postal", webhook_key=base64.b64encode(public).decode()))
    body = json.dumps(
        {
            "event": "MessageDeliveryFailed", "timestamp": 1777690000.5, "uuid": "0adfdf2a",
            "payload": {
                "status": "HardFail", "details": "Permanent SMTP delivery error", "sent_with_ssl": True,
                "output": "550 5.1.1 <cid@example.com>: user unknown", "timestamp": 1777690000.5, "time": 0.2,
                "message": {
                    "id": 7, "token": "x", "direction": "outgoing", "message_id": "1@x", "to": "cid@example.com",
                    "from": "news@example.com", "subject": "May", "tag": None,
                },
            },
        }
    ).encode()  # fmt: skip
    signature = base64.b64encode(key.sign(body, padding.PKCS1v15(), hashes.SHA1())).decode()

    assert tell("postal", body)[0] == 400
    assert tell("postal", body + b" ", X_Postal_Signature=signature)[0] == 400
    assert tell("postal", body, X_Postal_Signature=signature) == OK
    assert tell("postal", body, X_Postal_Signature=signature) == OK
    assert rows() == [("hard", "postal", "cid@example.com")]


def test_mailersend_signs_the_body(person):
    configure(entry("mailersend", signing_secret="ms"))
    body = json.dumps(
        {
            "type": "activity.soft_bounced", "created_at": "2026-05-02T03:04:05.000000Z", "webhook_id": "w",
            "data": {
                "object": "activity", "id": "62f114f8165fe0d8db0288e3", "type": "soft_bounced",
                "created_at": "2026-05-02T03:04:05.000000Z",
                "email": {
                    "object": "email", "id": "e", "from": "news@example.com", "status": "rejected",
                    "message": {"object": "message", "id": "m"},
                    "recipient": {"object": "recipient", "id": "r", "email": "cid@example.com"},
                },
                "morph": {"object": "recipient_bounce", "reason": "Host or domain name not found"},
            },
        }
    ).encode()  # fmt: skip
    signature = hmac.new(b"ms", body, hashlib.sha256).hexdigest()

    assert tell("mailersend", body, Signature="0" * 64)[0] == 400
    assert tell("mailersend", body, Signature=signature) == OK
    assert tell("mailersend", body, Signature=signature) == OK
    assert rows() == [("soft", "mailersend", "cid@example.com")]


def test_mandrill_signs_address_and_form(person, campaign):
    url = "https://lists.example.com/webhooks/anymail/mandrill/tracking"
    configure(entry("mandrill", webhook_key="mk", webhook_url=url))
    event = {
        "event": "hard_bounce", "_id": "exampleaaaaaaa", "ts": 1777690000,
        "msg": {
            "ts": 1777680000, "_id": "exampleaaaaaaa", "state": "bounced", "subject": "May", "tags": [],
            "email": "cid@example.com", "sender": "news@example.com", "metadata": marks(campaign, person),
            "diag": "smtp;550 5.1.1 unknown", "bounce_description": "bad_mailbox",
        },
    }  # fmt: skip
    events = json.dumps([event])
    mac = hmac.new(b"mk", f"{url}mandrill_events{events}".encode(), hashlib.sha1).digest()
    form = {"content_type": "application/x-www-form-urlencoded"}
    body = urlencode({"mandrill_events": events}).encode()

    assert tell("mandrill", body, **form)[0] == 400
    assert tell("mandrill", body, X_Mandrill_Signature="x", **form)[0] == 400
    signature = base64.b64encode(mac).decode()
    assert tell("mandrill", body, X_Mandrill_Signature=signature, **form) == OK
    assert tell("mandrill", body, X_Mandrill_Signature=signature, **form) == OK
    assert rows() == [("hard", "mandrill", "cid@example.com")]
    assert Bounce.objects.get().campaign == campaign


def test_unisender_go_signs_with_the_key_that_sends(person, campaign):
    configure(entry("unisender_go", api_key="ug-key"))

    def body(auth):
        event = {
            "event_name": "transactional_email_status",
            "event_data": {
                "job_id": "1a3Q2V-0000OZ-S0", "metadata": marks(campaign, person), "email": "cid@example.com",
                "status": "hard_bounced", "event_time": "2026-05-02 03:04:05",
                "delivery_info": {
                    "delivery_status": "err_user_unknown", "destination_response": "550 5.1.1 unknown",
                },
            },
        }  # fmt: skip
        return json.dumps({"auth": auth, "events_by_user": [{"user_id": 456, "events": [event]}]}).encode()

    right = body(hashlib.md5(body("ug-key")).hexdigest())

    assert tell("unisender_go", body("0" * 32))[0] == 400
    assert tell("unisender_go", right) == OK
    assert tell("unisender_go", right) == OK
    assert rows() == [("hard", "unisender_go", "cid@example.com")]


# --- Amazon SES ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def amazon():
    return make_key()


@pytest.fixture
def fetched(amazon, monkeypatch):
    """What was asked of Amazon; certificate and confirmations are answered here."""
    configure(entry("amazon_ses", webhook_secret=SECRET))
    ses.public_key.cache_clear()
    asked = []

    def fetch(url):
        asked.append(url)
        return amazon[1]

    monkeypatch.setattr(ses, "fetch", fetch)
    yield asked
    ses.public_key.cache_clear()


def tell_ses(message, **headers):
    names = {"x_amz_sns_message_type": message["Type"], "x_amz_sns_message_id": message["MessageId"]}
    return tell("amazon_ses", message, content_type="text/plain; charset=UTF-8", **names, **headers)


def ses_bounce(campaign, person, *people, bounce_type="Permanent"):
    return {
        "notificationType": "Bounce",
        "bounce": {
            "bounceType": bounce_type, "bounceSubType": "General", "feedbackId": "f-1",
            "timestamp": "2026-05-02T03:04:05.000Z",
            "bouncedRecipients": [
                {"emailAddress": email, "action": "failed", "status": "5.1.1", "diagnosticCode": "smtp; 550"}
                for email in people or ["cid@example.com"]
            ],
        },
        "mail": {
            "timestamp": "2026-05-02T03:04:00.000Z", "messageId": "00000138111222aa-1", "headersTruncated": False,
            "destination": ["cid@example.com"],
            "headers": [{"name": "X-Metadata", "value": json.dumps(marks(campaign, person))}],
        },
    }  # fmt: skip


def test_ses_by_password_and_signature(person, campaign, amazon, fetched):
    other = make_subscriber(email="dan@example.com")
    message = signed(amazon, ses_bounce(campaign, person, "cid@example.com", "Dan@example.com"))

    assert tell_ses(message, Authorization=BASIC) == OK
    assert tell_ses(message, Authorization=BASIC) == OK

    assert sorted(rows()) == [("hard", "ses", "cid@example.com"), ("hard", "ses", "dan@example.com")]
    assert {row.campaign for row in Bounce.objects.all()} == {campaign}
    other.refresh_from_db()
    assert other.status == "blocklisted"
    assert fetched == [CERTIFICATE]


def test_the_same_bounce_of_ses_through_both_doors_is_one(person, campaign, amazon, fetched):
    runtime.save({"bounce.ses_enabled": True, "bounce.actions": dict.fromkeys(
        ("soft", "hard", "complaint"), NONE_COUNTS)})  # fmt: skip
    message = signed(amazon, ses_bounce(campaign, person))

    assert tell_ses(message, Authorization=BASIC) == OK
    listmonks = Client().post("/webhooks/service/ses", json.dumps(message), content_type="text/plain")

    assert listmonks.status_code == 200
    assert rows() == [("hard", "ses", "cid@example.com")]


def test_a_stranger_makes_nobody_ask_amazon(person, campaign, amazon, fetched):
    message = signed(amazon, ses_bounce(campaign, person))

    assert tell_ses(message)[0] == 401
    assert tell_ses(message, Authorization="Basic eDp5")[0] == 400
    assert fetched == []


def test_ses_refuses_what_amazon_did_not_sign(person, campaign, amazon, fetched):
    message = signed(amazon, ses_bounce(campaign, person))

    assert tell_ses({**message, "Message": "{}"}, Authorization=BASIC)[0] == 400
    assert tell_ses({**message, "Signature": "AAAA"}, Authorization=BASIC)[0] == 400
    assert tell("amazon_ses", message, Authorization=BASIC)[0] == 400
    assert not Bounce.objects.exists()


def test_ses_subscriptions_are_confirmed_without_boto3(amazon, fetched):
    url = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t"
    message = signed(amazon, "Confirm", Type="SubscriptionConfirmation", SubscribeURL=url, Token="t")
    elsewhere = signed(
        amazon, "Confirm", Type="SubscriptionConfirmation", SubscribeURL="http://10.0.0.1/", Token="t"
    )

    assert tell_ses(message, Authorization=BASIC) == OK
    assert tell_ses(elsewhere, Authorization=BASIC)[0] == 400
    assert fetched == [CERTIFICATE, url]


# --- Who and what is meant -------------------------------------------------------------------------


def test_a_persons_own_leaving_at_the_provider_counts_like_the_link(person, campaign):
    news = Subscription.objects.get(subscriber=person).list
    other = make_list(name="Other")
    Subscription.objects.create(list=other, subscriber=person, status="confirmed")
    CampaignList.objects.create(campaign=campaign, list=news, list_name=news.name)
    configure(entry("mailgun", webhook_signing_key=MAILGUN_KEY))

    assert tell("mailgun", mailgun("unsubscribed", marks(campaign, person))) == OK

    states = dict(Subscription.objects.filter(subscriber=person).values_list("list__name", "status"))
    assert states == {"News": "unsubscribed", "Other": "confirmed"}
    assert tell("mailgun", mailgun("unsubscribed", {})) == OK
    assert set(Subscription.objects.values_list("status", flat=True)) == {"unsubscribed"}
    assert not Bounce.objects.exists()
    assert Subscriber.objects.get().status == "enabled"


def postmark_change(**changes):
    return {
        "RecordType": "SubscriptionChange", "MessageID": "883953f4", "ServerID": 23, "MessageStream": "broadcast",
        "ChangedAt": "2026-05-02T03:04:05Z", "Recipient": "cid@example.com", "Origin": "Recipient",
        "SuppressSending": True, "SuppressionReason": "ManualSuppression", "Tag": "", "Metadata": {}, **changes,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "unsubscribed"),
        ({"SuppressionReason": "HardBounce"}, "confirmed"),
        ({"SuppressionReason": "SpamComplaint"}, "confirmed"),
        ({"SuppressSending": False, "SuppressionReason": None}, "confirmed"),
    ],
)
def test_changes_at_postmark(changes, status, person):
    configure(entry("postmark", webhook_secret=SECRET))

    assert tell("postmark", postmark_change(**changes), Authorization=BASIC) == OK

    assert Subscription.objects.get().status == status
    assert not Bounce.objects.exists()


def test_the_address_decides_and_the_mark_only_where_there_is_none(person, campaign):
    """A copy that bounces says nothing about the person it is a copy of."""
    configure(entry("mailjet", webhook_secret=SECRET))
    body = mailjet("soft", marks(campaign, person))

    assert tell("mailjet", {**body, "email": "boss@example.com"}, Authorization=BASIC) == OK
    assert not Bounce.objects.exists()
    assert tell("mailjet", {**body, "email": ""}, Authorization=BASIC) == OK
    assert rows() == [("soft", "mailjet", "cid@example.com")]


@pytest.mark.parametrize(
    "body",
    [
        {"event": "sent"}, {"event": "open"}, {"event": "click", "url": "https://example.com/"}, {"event": "new"},
        {"event": "bounce", "error": "greylisted", "hard_bounce": False},
    ],
    ids=lambda body: body["event"],
)  # fmt: skip
def test_what_is_no_bounce_is_left_alone(body, person):
    configure(entry("mailjet", webhook_secret=SECRET))

    assert tell("mailjet", [{**mailjet("soft", {}), **body}], Authorization=BASIC) == OK
    assert not Bounce.objects.exists()


# --- The doors -------------------------------------------------------------------------------------


def test_every_provider_that_anymail_hears_from_has_a_door():
    assert set(BACKENDS) - set(DOORS) == {"scaleway"}  # Anymail knows no reports of it
    assert set(DOORS) <= set(BACKENDS)
    taken = {name for door in DOORS.values() for name in (*door.proofs, *door.more)}
    assert taken - {"api_key"} == WEBHOOK_OPTIONS


@pytest.mark.parametrize("provider", [*DOORS, "scaleway", "nobody"])
def test_a_provider_that_is_not_configured_is_not_there(provider):
    configure(entry("scaleway", secret_key="x"), entry("postmark", 2, server_token="x"))

    path = f"/webhooks/anymail/{provider}/tracking"
    assert tell(provider, b"{}")[0] == 404
    assert Client().get(path).status_code == 404
    assert Client().head(path).status_code == 404


@pytest.mark.parametrize("method", ["get", "head"])
def test_a_provider_may_look_whether_anybody_is_there(method):
    configure(entry("mandrill", webhook_key="k"))

    assert getattr(Client(), method)("/webhooks/anymail/mandrill/tracking").status_code == 200


def test_several_entries_of_a_provider_share_its_door(person):
    configure(
        entry("brevo", 1, webhook_secret="a:b"),
        entry("brevo", 2, webhook_secret=SECRET, enabled=False),
        entry("brevo", 3, api_key="without"),
    )

    assert tell("brevo", brevo("hard", {}), Authorization=BASIC) == OK
    assert rows() == [("hard", "brevo", "cid@example.com")]


def test_switches(person):
    configure(entry("brevo", webhook_secret=SECRET))
    runtime.save({"bounce.enabled": False})
    assert tell("brevo", brevo("hard", {}), Authorization=BASIC)[0] == 503
    runtime.save({"bounce.webhooks_enabled": False})
    response = Client().post("/webhooks/anymail/brevo/tracking", b"{}", content_type="application/json")
    assert (response.status_code, response["Content-Type"]) == (404, "text/html; charset=utf-8")


def test_a_body_over_the_limit_is_refused(settings):
    configure(entry("brevo", webhook_secret=SECRET))
    settings.MAX_BODY_MB = 0

    assert tell("brevo", brevo("hard", {}), Authorization=BASIC)[0] == 413
    settings.MAX_BODY_MB, settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 20, 10
    assert tell("brevo", brevo("hard", {}), Authorization=BASIC)[0] == 413


NONSENSE = (
    b"", b"{", b"null", b"[1]", b'"x"', b"\xff", b"{}", b"[{}]", b"[[]]", b"1", b"NaN", b"[" * 5000,
    b'{"event": 5, "type": [], "data": 7, "events": 3, "events_by_user": [], "auth": 1, "Type": {}}',
    b'{"event": "hard_bounce", "email": {"a": 1}, "ts_epoch": 1e400}',
    b'{"event": "hard_bounce", "email": "cid@example.com\\u0000\\ud800", "ts_epoch": 1}',
    b'{"event": "hard_bounce", "email": "cid@example.com", "message-id": "\\u0000\\ud800", "ts_epoch": 1}',
    b'{"RecordType": "Bounce", "Type": "HardBounce", "ID": "\\u0000\\ud800", "Email": "cid@example.com"}',
    b'{"event": "bounce", "email": [], "time": 1e99, "hard_bounce": true, "Payload": "[]"}',
)  # fmt: skip


FORMS = (
    b"mandrill_events=", b"mandrill_events=[1]", b"mandrill_events=[{}]", b"mandrill_events=[",
    b'mandrill_events=[{"event": "hard_bounce", "ts": 1e99, "msg": []}]',
    b'mandrill_events=[{"event": "hard_bounce", "ts": 1, "msg": {"email": "\\u0000\\ud800", "diag": 5}}]',
    b'mandrill_events=[{"event": "inbound", "msg": {"raw_msg": "x"}}, {"event": "send"}]',
    b"event=bounced&timestamp=x", b"event=bounced&timestamp=1&code=5.1.1&recipient=%00",
    b"timestamp=1&sender=x", b"event=bounced&timestamp=1&message-headers=[1]",
)  # fmt: skip
TOPICS = ('"x"', "[]", "null", "{", '{"eventType": 5}', '{"notificationType": "Bounce"}',
          '{"eventType": "Bounce", "bounce": {"bouncedRecipients": [1]}}',
          '{"eventType": "Complaint", "complaint": [], "mail": {"headers": [1], "destination": 5}}',
          '{"eventType": "Received"}')  # fmt: skip
SNS = tuple(json.dumps({"Type": "Notification", "MessageId": "m", "Message": one}).encode() for one in TOPICS)


@pytest.mark.parametrize("proved", [True, False])
@pytest.mark.parametrize("provider", DOORS)
def test_no_nonsense_is_a_server_error(provider, proved, person, monkeypatch):
    configure(entry(provider, **dict.fromkeys((*DOORS[provider].proofs, *DOORS[provider].more), SECRET)))
    if proved:  # as if somebody with the key sent it
        monkeypatch.setattr("anymail.webhooks.base.AnymailCoreWebhookView.run_validators", lambda *_: None)
    if provider in ("sendgrid", "postal"):
        configure(
            entry(provider, webhook_secret=SECRET, **({"webhook_key": "x"} if provider == "postal" else {}))
        )

    forms = ("application/x-www-form-urlencoded", "multipart/form-data")
    for content_type in ("application/json", *(forms if provider in ("mailgun", "mandrill") else ())):
        for body in (*NONSENSE, *FORMS, *SNS):
            with transaction.atomic():
                status, answer = tell(provider, body, content_type=content_type, Authorization=BASIC)
                transaction.set_rollback(True)
            assert status in (200, 400), (body, answer)
