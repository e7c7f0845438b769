"""What the demonstration prints for a person."""

from typing import Any

from rich.console import Console
from rich.table import Table

from listmonk_py.workplace.demo.accounting import Figures, deliveries
from listmonk_py.workplace.demo.client import Api
from listmonk_py.workplace.demo.installation import Credentials, Installation
from listmonk_py.workplace.demo.newsletter import Imported

OBVIOUS = "The e-mail address is not valid. "  # the reason behind it is the news


def accounts(console: Console, campaign: dict[str, Any]) -> None:
    """The equation, as a table and as a line."""
    figures = Figures.of(campaign)
    table = Table(title=campaign["name"], title_justify="left")
    for name in vars(figures):
        table.add_column(name, justify="right")
    table.add_row(*(f"{number:,}" for number in vars(figures).values()))
    console.print(table)
    sign = "=" if figures.settled == figures.audience else "≠"
    parts = f"{figures.accepted} + {figures.failed} + {figures.skipped} + {figures.unknown}"
    console.print(f"{figures.audience} {sign} {parts}\n")


def rejected_rows(console: Console, imported: Imported) -> None:
    table = Table(title=f"{len(imported.rejected)} rejected rows of {imported.rows:,}", title_justify="left")
    table.add_column("line", justify="right")
    table.add_column("email")
    table.add_column("reason", overflow="fold")
    for one in imported.rejected:
        table.add_row(one["rejected_line"], one["email"], one["rejected_reason"].removeprefix(OBVIOUS))
    console.print(table)


def undelivered(console: Console, api: Api, campaign_id: int) -> None:
    """Who did not get it, and why."""
    rows = deliveries(api, campaign_id, status=["failed", "skipped", "unknown"])
    table = Table(title=f"{len(rows)} people did not get it", title_justify="left")
    for name in ("email", "status", "reason"):
        table.add_column(name, overflow="fold")
    for one in rows:
        told = " ".join(str(one[name]) for name in ("code", "text") if one.get(name))
        table.add_row(one["email"] or "(deleted)", one["status"], told or one["reason"])
    console.print(table)


def addresses(console: Console, installation: Installation, who: Credentials) -> None:
    """Where to look now."""
    console.print(f"\nAdmin   {installation.url}/admin/")
    console.print(f"        sign in as {who.username} with {who.password}")
    console.print(f"Inbox   {installation.inbox_url} (everything that was sent)")
    console.print(f"Log     {installation.data_dir}/logs/up.log")
    console.print("Ctrl-C stops everything; the data stays for the next time.")
