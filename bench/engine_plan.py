"""How long planning takes, and whether a step, a window and a checkpoint cost the same everywhere.

    .venv/bin/python bench/engine_plan.py [--people 1000000]

People are on three overlapping lists. Prints one JSON line; times are medians in milliseconds at the first and
at the last tenth of the ids. Needs no sink: nothing is sent.
"""

import argparse
import json
import statistics
import time
from typing import Any

from engine_stage import Stage, newsletter


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=1_000_000)
    options = parser.parse_args()
    stage = Stage()
    stage.settings(1, connections=20)
    lists = stage.people(options.people, lists=3)
    campaign = stage.campaign(lists, body=newsletter())
    figures: dict[str, Any] = {"bench": "planning", "people": options.people}
    plan(campaign, figures)
    checkpoints(campaign, figures)
    print(json.dumps(figures))


def plan(campaign: Any, figures: dict[str, Any]) -> None:
    from campaigns import lifecycle
    from campaigns.engine import planning

    started = time.perf_counter()
    lifecycle.start(campaign)
    figures["start_call_ms"] = round((time.perf_counter() - started) * 1000)
    steps = []
    more = True
    while more:
        before = time.perf_counter()
        more = planning.plan(campaign.pk, budget_s=0)
        steps.append((time.perf_counter() - before) * 1000)
    campaign.refresh_from_db()
    assert campaign.to_send_exact
    assert campaign.to_send == figures["people"]
    full = steps[1:-1]
    tenth = max(1, len(full) // 10)
    figures["planned_s"] = round(sum(steps) / 1000, 2)
    figures["first_step_ms"] = round(steps[0])
    figures["step_ms_first"] = round(statistics.median(full[:tenth]))
    figures["step_ms_last"] = round(statistics.median(full[-tenth:]))


def checkpoints(campaign: Any, figures: dict[str, Any]) -> None:
    """Lease batches at both ends and walk them in windows of 100, as a sender does."""
    from campaigns.engine import leases
    from campaigns.engine.audience import Audience
    from campaigns.engine.checkpoint import Settlement, checkpoint
    from campaigns.engine.models import Batch

    audience = Audience.of(campaign)
    ids = list(Batch.objects.filter(campaign=campaign).order_by("pk").values_list("pk", flat=True))
    for name, some in (("warm", ids[20:22]), ("first", ids[:10]), ("last", ids[-11:-1])):
        times = []
        for batch_id in some:
            lease = leases.claim(batch_id)
            assert lease is not None
            for end in range(0, 900, 100):  # settle up to `end`, announce the hundred behind it
                before = time.perf_counter()
                checkpoint(
                    lease,
                    Settlement(max(0, end - 100), end),
                    announced=end,
                    announce=end + 100,
                    audience=audience,
                    max_errors=0,
                    times=False,
                )
                times.append((time.perf_counter() - before) * 1000)
        figures[f"checkpoint_ms_{name}"] = round(statistics.median(times), 2)


if __name__ == "__main__":
    main()
