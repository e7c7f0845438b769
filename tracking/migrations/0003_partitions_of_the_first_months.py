"""The partitions of this month and the next ones; from then on a beat task makes them ahead."""

from typing import Any

from django.db import migrations

from tracking import partitions


def make(apps: Any, schema_editor: Any) -> None:
    partitions.make_ahead()


class Migration(migrations.Migration):
    dependencies = [("tracking", "0002_partitioned_events")]

    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
