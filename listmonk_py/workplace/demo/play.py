"""The demonstration from its first to its last step."""

import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from listmonk_py.local.catcher.store import Rules
from listmonk_py.workplace.demo import accounting, newsletter, report
from listmonk_py.workplace.demo.client import Api, DemoFault, wait
from listmonk_py.workplace.demo.installation import Installation, credentials
from listmonk_py.workplace.demo.mailbox import Mailbox

EVENTS_TIMEOUT_S = 30


class Demonstration:
    """Plays with the files in `folder` on the installation under `data_dir`; prints on `console`."""

    def __init__(self, console: Console, *, base_dir: Path, data_dir: Path, port: int) -> None:
        self.started = time.monotonic()
        self.console = console
        self.folder = base_dir / "demo"
        rules = self.folder / "catcher-rules.json"
        self.rules = Rules.read(rules)
        self.installation = Installation.plan(base_dir, data_dir, rules, port)

    def play(self) -> None:
        """Start everything, import, send, and show what came of it.

        Raises:
            DemoFault: something failed; in words.
        """
        self.mailbox = Mailbox.open(self.installation.data_dir, self.installation.inbox_url)
        with self.console.status("Starting PostgreSQL, Valkey and the product's processes"):
            self.installation.start()
            self.who = credentials(self.installation)
        self.console.print(f"Everything serves after {time.monotonic() - self.started:.1f} s.")
        self.api = Api(self.installation.url, self.who.api_user, self.who.api_token)
        newsletter.prepare_settings(self.api, self.installation)
        list_id = newsletter.find_list(self.api)
        self.imported = newsletter.import_people(self.api, self.folder / "subscribers.csv", list_id)
        self.console.print(
            f"Imported {self.imported.rows:,} rows: {self.imported.people:,} people on the list,"
            f" {len(self.imported.rejected)} rows rejected."
        )
        self.campaign = self._send(list_id)
        report.accounts(self.console, self.campaign)
        report.undelivered(self.console, self.api, self.campaign["id"])
        report.rejected_rows(self.console, self.imported)

    def _send(self, list_id: int) -> dict[str, Any]:
        body = (self.folder / "newsletter.html").read_text()
        template_id = newsletter.find_template(self.api)
        campaign = newsletter.start_campaign(self.api, body=body, list_id=list_id, template_id=template_id)
        special = set(self.rules.refuse | self.rules.defer_once)
        left = newsletter.leave_before_ones_turn(self.api, campaign, list_id, not_these=special)
        self.console.print(f"{left} unsubscribed after planning, before their turn.")
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        with Progress(*columns, console=self.console) as progress:
            bar = progress.add_task("Sending", total=None)

            def show(now: dict[str, Any]) -> None:
                figures = accounting.Figures.of(now)
                waiting = f", {now['deferred']} deferred and waiting" if now["deferred"] else ""
                progress.update(
                    bar, total=figures.audience, completed=figures.settled, description=f"Sending{waiting}"
                )

            return newsletter.watch(self.api, campaign["id"], show=show, alive=self._is_alive)

    def _is_alive(self) -> bool:
        return not self.installation.has_ended()

    def prove(self) -> dict[str, Any]:
        """Make one open, one click and one unsubscription; compare the books; return the figures.

        Raises:
            DemoFault: something does not agree; every disagreement in a sentence.
        """
        special = self.rules.refuse | self.rules.defer_once
        accepted = self.mailbox.accepted(self.campaign["uuid"])
        line = next((one for one in accepted if one["to"].lower() not in special), None)
        if line is None:
            raise DemoFault("The catcher has no message of this campaign.")
        letter = self.mailbox.message(line["number"])
        letter.open()
        letter.click()
        letter.unsubscribe()
        campaign = wait("The counting of the open and the click", self._counted, timeout_s=EVENTS_TIMEOUT_S)
        found = accounting.faults(self.api, self.mailbox, campaign, self.rules)
        found += accounting.still_subscribed(self.api, line["to"], newsletter.LIST_NAME)
        result = {
            **vars(accounting.Figures.of(campaign)),
            "rejected_rows": len(self.imported.rejected),
            "opens": campaign["views"],
            "clicks": campaign["clicks"],
            "unsubscribed": 2,  # the one who left before their turn, and this reader
            "seconds": round(time.monotonic() - self.started, 1),
            "campaign": campaign["uuid"],
        }
        if found:
            raise DemoFault("\n".join(["The demonstration did not come out right:", *found, str(result)]))
        return result

    def _counted(self) -> dict[str, Any] | None:
        now = self.api.get(f"/api/campaigns/{self.campaign['id']}")
        return now if now["views"] and now["clicks"] else None

    def serve(self) -> None:
        """Keep serving until interrupted.

        Raises:
            DemoFault: the installation ended by itself.
        """
        report.addresses(self.console, self.installation, self.who)
        while self._is_alive():
            time.sleep(0.5)
        last = "\n".join(self.installation.last_lines)
        raise DemoFault(f"The installation ended. Its last lines:\n{last}")

    def stop(self) -> None:
        self.installation.stop()
