"""manage.py recount_subscribers: set the kept counts right after changes made with triggers off."""

from typing import Any

from django.core.management.base import BaseCommand

from subscribers import counts


class Command(BaseCommand):
    help = "Count subscribers and subscriptions again from the tables; writers wait meanwhile."

    def handle(self, **options: Any) -> str:
        before = counts.of_people()
        counts.recount()
        after = counts.of_people()
        changed = ", ".join(f"{status} {before[status]} -> {after[status]}" for status in after)
        return f"Counted {counts.people()} subscriber(s): {changed}."
