"""The installation that the recording was made on, at the ids and UUIDs that its requests name.

`build` makes it once per test module, inside a transaction; every case runs in a savepoint of that.
`arrangements.py` changes it for the cases that were recorded earlier or later than this moment: after all
was made, before anything was sent.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.apps import apps
from django.core.management.color import no_style
from django.db import connection
from django.utils import timezone

from campaigns import starter
from campaigns.media.models import CampaignMedia, Media
from campaigns.models import Campaign, CampaignList, Template
from listmonk_py.accounts.models import ApiToken, Role, User
from listmonk_py.accounts.permissions import SUPER_ADMIN_ROLE_ID
from listmonk_py.configuration import runtime
from listmonk_py.configuration.registry import smtp_server
from listmonk_py.mail import messengers
from subscribers.models import List, Subscriber, Subscription
from tests.factories import _password_hash
from tests.sinks import SmtpSink
from tracking.models import Link

ROOT_URL = "https://lists.example.com"
NEWS, OFFERS = UUID("d31ad566-85a1-40a6-b855-8d7f297c3af4"), UUID("f40c9695-12b0-4605-b7b0-c44a2ca4dd1d")
PRIVATE = UUID("03d4b82a-ab29-432e-9440-38ea4efd4f3c")
MAY_NEWS = UUID("f62f7d70-bc8e-4f99-94d1-9e3e749da73a")
ANN, CID = UUID("7d8e495c-4d9c-460b-93f7-bbf1023dccac"), UUID("60fe4d36-a176-4ce6-94d1-f0380b5d7815")
TO_WIPE = UUID("c7588bce-bcbb-4363-83a2-f8ea92521f37")
TRACKED = UUID("75f8726b-3eca-4687-b5c0-1e72f0eef8f7")
LINK = UUID("ea996201-6fda-4be3-a138-b77788b63b6b")
SMTP = "3f8a4b0e-0000-4000-8000-000000000001"
LINKED_URL = "https://example.com/a?x=1&y=2"
CARLA_PASSWORD = "carlapass1"

BODY = '<p>Hello {{ .Subscriber.FirstName }}, <a href="https://example.com/a?x=1&y=2@TrackLink">read</a></p>'
FRAME = (
    '<html><body><h1>{{ .Campaign.Subject }}</h1>{{ template "content" . }}'
    '<a href="{{ UnsubscribeURL }}">bye</a>{{ TrackView }}</body></html>'
)
RECEIPT = "<p>Order {{ .Tx.Data.order }} for {{ .Subscriber.Name }}</p>"


def build(sink: SmtpSink) -> dict[str, str]:
    """Make everything; the tokens of the API users by user name."""
    restart_ids()
    starter.install()
    tokens = _users()
    runtime.save({"app.root_url": ROOT_URL, "smtp": [server(sink)]})
    _lists()
    _people()
    _templates()
    _media()
    _campaigns()
    _grants()
    Link.objects.create(pk=1, uuid=LINK, url=LINKED_URL)
    _in_order_of_id()
    restart_ids(after=100)
    messengers.refresh()
    return tokens


def server(sink: SmtpSink) -> dict[str, Any]:
    return smtp_server(
        uuid=SMTP, host=sink.host, port=sink.port, auth_protocol="none", tls_type="none", max_conns=4
    )


def restart_ids(after: int | None = None) -> None:
    """Let every table with numbers begin at its first again, or after `after`."""
    tables = set(connection.introspection.table_names())
    models = [model for model in apps.get_models() if model._meta.managed and model._meta.db_table in tables]
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), models):
            cursor.execute(statement)
        if after is None:
            return
        for model in (List, Subscriber, Campaign, Template, Media, User, Role):
            cursor.execute(
                "SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)", [model._meta.db_table, after]
            )


def _users() -> dict[str, str]:
    shared = {"status": User.Status.ENABLED, "password": _password_hash()}
    User.objects.create(
        pk=1, username="admin", name="admin", email="admin@listmonk", password_login=True,
        user_role_id=SUPER_ADMIN_ROLE_ID, **shared,
    )  # fmt: skip
    api = User.objects.create(
        pk=2, username="api", name="api", type="api", user_role_id=SUPER_ADMIN_ROLE_ID, **shared
    )
    return {"api": ApiToken.issue(api), "robot": ApiToken.issue(_editors(shared))}


def _editors(shared: dict[str, Any]) -> User:
    """Two users whose rights `_grants` completes: `robot`, a program, and `carla`, a person."""
    editors = Role.objects.create(
        pk=2, name="Editors", permissions=["campaigns:get", "campaigns:manage", "subscribers:get"]
    )
    Role.objects.create(pk=4, name="Nothing")
    news_only = Role.objects.create(pk=5, type=Role.Type.LIST, name="News only")
    Role.objects.create(pk=7, type=Role.Type.LIST, name="Empty")
    carla = User(
        pk=4, username="carla", name="Carla D", email="carla2@example.com", password_login=True,
        user_role=editors, list_role=news_only, loggedin_at=timezone.now(), **shared,
    )  # fmt: skip
    carla.set_password(CARLA_PASSWORD)
    carla.save()
    return User.objects.create(
        pk=3, username="robot", name="Robot", type="api", user_role=editors, list_role=news_only, **shared
    )


def _grants() -> None:
    Role.objects.get(pk=5).lists.create(list_id=4, permissions=["list:get"])


def _lists() -> None:
    List.objects.create(pk=3, uuid=PRIVATE, name="Bare list")
    List.objects.create(
        pk=4, uuid=NEWS, name="News", type="public", optin="double", tags=["two-words", "Case"],
        description="What is new",
    )  # fmt: skip
    List.objects.create(pk=5, uuid=OFFERS, name="Offers", type="public")
    List.objects.create(pk=6, name="Extra")


def person(pk: int, email: str, lists: dict[int, str] | None = None, **fields: Any) -> Subscriber:
    """A subscriber; `lists` maps list ids to the status of the subscription."""
    fields.setdefault("name", email.partition("@")[0].title())
    made = Subscriber.objects.create(pk=pk, email=email, **fields)
    for list_id, status in (lists or {}).items():
        Subscription.objects.create(list_id=list_id, subscriber=made, status=status)
    return made


def _people() -> None:
    person(
        3, "ann.lee@example.com", {4: "unconfirmed", 5: "unconfirmed"}, uuid=ANN, name="Ann Lee",
        attribs={"city": "Oslo", "n": 1, "deep": {"a": [1, None]}},
    )  # fmt: skip
    person(4, "bob.ray@example.com", name="Bob Ray")
    person(5, "cid@example.com", {4: "confirmed", 5: "confirmed", 1: "confirmed"}, uuid=CID)
    person(6, "dan@example.com", {4: "unsubscribed"}, status="blocklisted")
    person(7, "eve@example.com", {1: "unconfirmed"}, status="disabled")
    person(16, "pa2@example.com", {5: "unconfirmed"})
    person(17, "pa3@example.com", {5: "unconfirmed"})
    person(23, "wipe@example.com", {5: "unconfirmed"}, uuid=TO_WIPE)
    person(24, "trk@example.com", {5: "unconfirmed"}, uuid=TRACKED)


def _templates() -> None:
    Template.objects.create(pk=5, name="Own", body=FRAME)
    Template.objects.create(
        pk=6, name="Receipt", type="tx", subject="Order {{ .Tx.Data.order }}", body=RECEIPT
    )
    Template.objects.create(
        pk=7, name="Visual", type="campaign_visual", body="<p>visual body</p>",
        body_source='{"root":{"type":"EmailLayout","data":{}}}',
    )  # fmt: skip
    Template.objects.create(pk=8, name="Gone", body=FRAME)


def _media() -> None:
    size = {"width": 400, "height": 300}
    Media.objects.create(
        pk=1, filename="my-pic.png", content_type="image/png", thumb="thumb_my-pic.png", meta=size
    )
    Media.objects.create(
        pk=2,
        filename="my-pic_usQOSW.png",
        content_type="image/png",
        thumb="thumb_my-pic_usQOSW.png",
        meta=size,
    )
    Media.objects.create(pk=3, filename="note.txt", content_type="text/plain")
    Media.objects.create(pk=4, filename="a.svg", content_type="image/svg+xml", thumb="a.svg")


def campaign(pk: int, name: str, lists: list[int], **fields: Any) -> Campaign:
    fields = {"subject": "x", "template_id": 1, "from_email": runtime.get("app.from_email"), **fields}
    made = Campaign.objects.create(pk=pk, name=name, **fields)
    for one in List.objects.filter(pk__in=lists).order_by("pk"):
        CampaignList.objects.create(campaign=made, list=one, list_name=one.name)
    return made


def _campaigns() -> None:
    news = campaign(
        2, "May news", [4, 5], uuid=MAY_NEWS, subject="News for {{ .Subscriber.Name }}",
        from_email="News <news@example.net>", content_type="html", body=BODY, altbody="plain",
        send_at=datetime.fromisoformat("2031-05-01T10:00:00+00:00"), template_id=5, tags=["two-words", "x"],
        headers=[{"X-One": "1"}], attribs={"issue": 5}, archive=True, archive_slug="may-news",
        archive_template_id=5, archive_meta={"name": "Reader"},
    )  # fmt: skip
    CampaignMedia.objects.create(campaign=news, media_id=3, filename="note.txt")
    campaign(3, "Small", [5], subject="S", body="<p>small</p>")
    campaign(4, "Please confirm", [4], subject="Confirm", type="optin", body="<p>Confirm {{ OptinURL }}</p>")
    campaign(6, "odd type", [1], body="x")
    campaign(9, "Vis", [1], content_type="visual", template_id=None, body="<p>visual body</p>",
             body_source='{"root":{"type":"EmailLayout","data":{}}}')  # fmt: skip


def _in_order_of_id() -> None:
    """Spread the times of making, which one transaction would make equal: ids grow with time."""
    start = timezone.now() - timedelta(hours=1)
    for model in (List, Subscriber, Campaign, Template, Media, User, Role):
        for pk in model.objects.values_list("pk", flat=True):  # type: ignore[attr-defined]
            model.objects.filter(pk=pk).update(created_at=start + timedelta(seconds=pk))  # type: ignore[attr-defined]
