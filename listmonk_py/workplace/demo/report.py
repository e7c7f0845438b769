"""What the demonstration prints for a person."""

from typing import Any

from rich.console import Console
from rich.table import Table

from listmonk_py.workplace.demo.accounting import Figures
from listmonk_py.workplace.demo.installation import Credentials, Installation
from listmonk_py.workplace.demo.newsletter import Imported


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
    table.add_column("reason")
    table.add_column("row")
    for one in imported.rejected:
        table.add_row(*((one.get(name) or "").replace("\n", " ") for name in ("line", "reason", "row")))
    console.print(table)


def addresses(console: Console, installation: Installation, who: Credentials) -> None:
    """Where to look now."""
    console.print(f"\nAdmin   {installation.url}/admin/")
    console.print(f"        sign in as {who.username} with {who.password}")
    console.print(f"Inbox   {installation.inbox_url} (everything that was sent)")
    console.print(f"Log     {installation.data_dir}/logs/up.log")
    console.print("Ctrl-C stops everything; the data stays for the next time.")
