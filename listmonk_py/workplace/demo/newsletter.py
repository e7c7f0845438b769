"""The demonstration step by step: settings, people, the campaign, and somebody who leaves in between."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from listmonk_py.workplace.demo.client import Api, DemoFault, wait
from listmonk_py.workplace.demo.installation import Installation
from listmonk_py.workplace.demo.mailbox import one_click

LIST_NAME = "The Slow Post"
TEMPLATE_NAME = "As written"
SERVER_NAME = "email-demo-catcher"
# Messages a second: slow enough to watch, and for one person to leave before the end.
RATE = 250
IMPORT_TIMEOUT_S = 120
STANDSTILL_S = 150  # the deferred are tried again within a minute or two
FINAL = {"finished", "paused", "cancelled"}

Campaign = dict[str, Any]


@dataclass(frozen=True)
class Imported:
    """What became of the rows of the file."""

    rows: int
    people: int
    rejected: list[dict[str, str]]


def prepare_settings(api: Api, installation: Installation) -> None:
    """Point links at this installation and mail at the catcher; switch individual tracking on.

    Raises:
        DemoFault: there are mail servers already: this is somebody's real installation.
    """
    settings = api.get("/api/settings")
    others = [one for one in settings["smtp"] if one["enabled"] and one["name"] != SERVER_NAME]
    if any(one["host"] not in {"", "localhost", "127.0.0.1", "smtp.yoursite.com"} for one in others):
        hosts = ", ".join(one["host"] for one in others)
        raise DemoFault(
            f"This installation has mail servers of its own ({hosts}), which the demonstration would replace."
            " Set DATA_DIR to an empty folder for it."
        )
    catcher = {
        "name": SERVER_NAME,
        "enabled": True,
        "host": "127.0.0.1",
        "port": installation.smtp_port,
        "auth_protocol": "none",
        "tls_type": "none",
        "max_conns": 4,
    }
    ours = {
        "app.root_url": installation.url,
        "app.from_email": "The Slow Post <letter@example.org>",
        "app.concurrency": 10,
        "app.message_rate": 100,
        "privacy.individual_tracking": True,
        "engine.retry_base": "2s",
        "smtp": [catcher],
    }
    api.put("/api/settings", {**settings, **ours})


def find_list(api: Api) -> int:
    """Return the id of the demonstration's list; make it the first time."""
    for one in api.get("/api/lists", query=LIST_NAME, per_page="all")["results"]:
        if one["name"] == LIST_NAME:
            return int(one["id"])
    made = {
        "name": LIST_NAME,
        "type": "public",
        "optin": "single",
        "description": "A letter a month, slowly.",
    }
    return int(api.post("/api/lists", made)["id"])


def find_template(api: Api) -> int:
    """Return the id of a template that adds nothing to the body, because the newsletter is a whole page."""
    for one in api.get("/api/templates"):
        if one["name"] == TEMPLATE_NAME:
            return int(one["id"])
    made = {"name": TEMPLATE_NAME, "type": "campaign", "body": '{{ template "content" . }}'}
    return int(api.post("/api/templates", made)["id"])


def import_people(api: Api, path: Path, list_id: int) -> Imported:
    """Import the file; whoever is there already stays as they are, unsubscribed ones too.

    Raises:
        DemoFault: the import failed, or does not end.
    """
    if api.get("/api/import/subscribers")["status"] not in {"none", "importing"}:
        api.delete("/api/import/subscribers")
    params = {"mode": "subscribe", "delim": ",", "lists": [list_id], "subscription_status": "confirmed"}
    content = path.read_bytes()
    api.upload("/api/import/subscribers", params=params, name=path.name, content=content)

    def ended() -> Any:
        status = api.get("/api/import/subscribers")
        return status if status["status"] in {"finished", "failed"} else None

    status = wait("The end of the import", ended, timeout_s=IMPORT_TIMEOUT_S)
    if status["status"] == "failed":
        raise DemoFault("The import failed. Its log:\n" + str(api.get("/api/import/subscribers/logs")))
    rejected = list(csv.DictReader(io.StringIO(api.text("/api/import/subscribers/rejects.csv"))))
    rows = len(list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))) - 1
    people = api.get("/api/subscribers", list_id=list_id, per_page=1)["total"]
    return Imported(rows, int(people), rejected)


def start_campaign(api: Api, *, body: str, list_id: int, template_id: int) -> Campaign:
    """Make a new campaign of this minute and start it."""
    asked = {
        "name": f"{LIST_NAME}, {datetime.now(UTC):%d %B %Y %H:%M:%S}",
        "subject": "{{ .Subscriber.FirstName }}, the night trains are back",
        "lists": [list_id],
        "type": "regular",
        "content_type": "html",
        "body": body,
        "template_id": template_id,
        "messenger": "email",
        "rate": RATE,
        "tags": ["demo"],
    }
    campaign = api.post("/api/campaigns", asked)
    api.put(f"/api/campaigns/{campaign['id']}/status", {"status": "running"})
    return dict(campaign)


def leave_before_ones_turn(api: Api, campaign: Campaign, list_id: int, *, not_these: set[str]) -> str:
    """Unsubscribe the person whose turn comes last, once they are in the plan; return the address."""
    last = _last_reader(api, list_id, not_these)
    wait(
        "Planning",
        lambda: api.get(f"/api/campaigns/{campaign['id']}")["to_send_exact"],
        timeout_s=30,
        pause_s=0.02,
    )
    one_click(f"{api.url}/subscription/{campaign['uuid']}/{last['uuid']}")
    return str(last["email"])


def _last_reader(api: Api, list_id: int, not_these: set[str]) -> dict[str, Any]:
    """The subscribed person with the highest id: recipients are taken in ascending order of ids."""
    newest = api.get("/api/subscribers", list_id=list_id, order="desc", per_page=200)["results"] or []
    for person in newest:
        subscribed = any(
            one["id"] == list_id and one["subscription_status"] != "unsubscribed" for one in person["lists"]
        )
        if subscribed and person["status"] == "enabled" and person["email"] not in not_these:
            return dict(person)
    raise DemoFault(f"Nobody on {LIST_NAME} is subscribed any more. Set DATA_DIR to an empty folder.")


def watch(
    api: Api, campaign_id: int, *, show: Callable[[Campaign], None], alive: Callable[[], bool]
) -> Campaign:
    """Follow the campaign to its end, calling `show` at every look; return it.

    Raises:
        DemoFault: it stands still, or stops before it is finished; with its reason in words.
    """
    latest: Campaign = {}
    seen = ""

    def moved_or_ended() -> bool:
        nonlocal latest
        if not alive():
            raise DemoFault("The installation ended while the campaign was sending.")
        latest = api.get(f"/api/campaigns/{campaign_id}")
        show(latest)
        return latest["status"] in FINAL or settled(latest) != seen

    while latest.get("status") not in FINAL:
        seen = settled(latest) if latest else ""
        wait("Progress of the campaign", moved_or_ended, timeout_s=STANDSTILL_S)
    if latest["status"] != "finished":
        raise DemoFault(f"The campaign is {latest['status']}: {latest['status_reason'] or 'no reason given'}")
    return latest


def settled(campaign: Campaign) -> str:
    """The counters as one text, which changes whenever the campaign moves on."""
    return json.dumps([campaign[name] for name in ("sent", "failed", "skipped", "unknown", "deferred")])
