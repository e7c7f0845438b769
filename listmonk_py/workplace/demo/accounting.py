"""The figures of one campaign, and whether three books agree: the campaign, the ledger, the catcher."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from listmonk_py.local.catcher.store import Rules
from listmonk_py.workplace.demo.client import Api
from listmonk_py.workplace.demo.mailbox import Mailbox


@dataclass(frozen=True)
class Figures:
    """audience = accepted + failed + skipped + unknown, of one finished campaign."""

    audience: int
    accepted: int
    failed: int
    skipped: int
    unknown: int

    @classmethod
    def of(cls, campaign: dict[str, Any]) -> "Figures":
        names = ("to_send", "sent", "failed", "skipped", "unknown")
        return cls(*(int(campaign[name]) for name in names))

    @property
    def settled(self) -> int:
        return self.accepted + self.failed + self.skipped + self.unknown


def faults(api: Api, mailbox: Mailbox, campaign: dict[str, Any], rules: Rules) -> list[str]:
    """Return what does not agree, in sentences; an empty list when everything does."""
    figures = Figures.of(campaign)
    found = []
    if figures.settled != figures.audience:
        found.append(f"The equation does not hold: {figures}.")
    if figures.unknown:
        found.append(f"{figures.unknown} recipients are in doubt although nothing was killed.")
    if campaign["deferred"]:
        found.append(f"{campaign['deferred']} recipients are still deferred in a finished campaign.")
    if figures.skipped < 1:
        found.append("Somebody left before their turn, and yet nobody was skipped.")
    if figures.failed != len(rules.refuse):
        found.append(f"{len(rules.refuse)} addresses are refused, but {figures.failed} failed.")
    ledger = deliveries(api, campaign["id"])
    repeats = sum(1 for row in ledger if row["possible_duplicate"])
    found += _against_catcher(mailbox, campaign, rules, flagged_repeats=repeats)
    return found + _against_ledger(ledger, figures)


def _against_catcher(
    mailbox: Mailbox, campaign: dict[str, Any], rules: Rules, *, flagged_repeats: int
) -> list[str]:
    found = []
    figures = Figures.of(campaign)
    accepted = mailbox.accepted(campaign["uuid"])
    ids = {line["message_id"] for line in accepted}
    addresses = {line["to"].lower() for line in accepted}
    # A sender that was killed may have sent some a second time: the ledger says who may be meant.
    repeated = len(accepted) - len(ids)
    if not len(ids) == len(addresses) == figures.accepted or repeated > flagged_repeats:
        found.append(
            f"The campaign says {figures.accepted} accepted; the catcher has {len(accepted)} messages with"
            f" {len(ids)} distinct Message-IDs to {len(addresses)} addresses; {flagged_repeats} recipients are"
            " flagged as possible duplicates."
        )
    if mailbox.refused(550) != rules.refuse:
        found.append(f"The catcher refused {sorted(mailbox.refused(550))}, not {sorted(rules.refuse)}.")
    if mailbox.refused(451) != rules.defer_once:
        found.append(f"The catcher deferred {sorted(mailbox.refused(451))}, not {sorted(rules.defer_once)}.")
    if missing := rules.defer_once - addresses:
        found.append(f"Deferred and never sent again: {', '.join(sorted(missing))}.")
    return found


def _against_ledger(ledger: list[dict[str, Any]], figures: Figures) -> list[str]:
    counted = Counter(row["status"] for row in ledger)
    expected = {
        "accepted": figures.accepted,
        "failed": figures.failed,
        "skipped": figures.skipped,
        "unknown": figures.unknown,
    }
    if dict(counted) == {name: number for name, number in expected.items() if number}:
        return []
    return [f"The campaign says {expected}, its delivery records say {dict(counted)}."]


def still_subscribed(api: Api, email: str, list_name: str) -> list[str]:
    """Say so when this address has not been unsubscribed from the list."""
    pattern = "^" + email.replace(".", "[.]").replace("+", "[+]") + "$"
    for person in api.get("/api/subscribers", search=pattern)["results"] or []:
        states = [one["subscription_status"] for one in person["lists"] if one["name"] == list_name]
        if states == ["unsubscribed"]:
            return []
        return [f"{email} unsubscribed with one click, and the API says {states}."]
    return [f"{email} is not found among the subscribers."]


def deliveries(api: Api, campaign_id: int, **only: Any) -> list[dict[str, Any]]:
    """Every delivery record of the campaign, page by page; `status=[...]` for some of them."""
    rows: list[dict[str, Any]] = []
    cursor = None
    while True:
        query = {"per_page": 500, **only, **({"cursor": cursor} if cursor else {})}
        page = api.get(f"/api/campaigns/{campaign_id}/deliveries", **query)
        rows += page["results"]
        cursor = page["next_cursor"]
        if not cursor:
            return rows
