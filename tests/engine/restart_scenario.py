"""A campaign during which PostgreSQL or Valkey is stopped and started again; run as a program.

    python -m tests.engine.restart_scenario postgres|valkey

It has servers of its own (PostgreSQL durable, as in production), so that no other test loses its. Exits with 0
when every recipient is accounted for, in the ledger and in the sink.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

from engine_stage import Stage

RECIPIENTS = 2000


def main() -> None:
    stage = Stage()  # loads Django, so what imports models comes after it
    from django.db import connection

    from campaigns import lifecycle
    from tests.engine.deployment import Deployment, account, wait_for_end
    from tests.sinks import SmtpSink

    with SmtpSink() as sink:
        stage.settings(sink.port, connections=4, **{"app.concurrency": 1, "app.message_rate": 300})
        lists = stage.people(RECIPIENTS)
        with Deployment() as deployment:  # with a lease that ends during the outage
            campaign = lifecycle.start(stage.campaign(lists, body="<p>Dear {{ subscriber.name }}</p>"))
            for n in range(2):
                assert sink.wait_for(300 * (n + 1), timeout=60), "nothing arrived"
                connection.close()
                deployment.pause()
                restart(stage, sys.argv[1])
                deployment.resume()
            wait_for_end(campaign, 120)
            counted = account(campaign, sink, duplicates_at_most=0)
    assert counted["accepted"] == RECIPIENTS, counted
    print("every recipient is accounted for")


def restart(stage: Stage, name: str) -> None:
    """Down for two leases, so that every lease that was held has ended when the server is back."""
    from tests.engine.deployment import LEASE_S

    server = stage.postgres if name == "postgres" else stage.valkey
    server.stop()
    time.sleep(2 * LEASE_S)
    server.start(stage.servers[name], output=stage.log)


if __name__ == "__main__":
    main()
