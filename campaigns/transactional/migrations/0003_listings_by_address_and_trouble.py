"""Messages to one address, and those in trouble, newest first: pages of the admin."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # built while the table is in use

    dependencies = [("transactional", "0002_messages_outlive_their_subscriber")]

    operations = [
        AddIndexConcurrently("txmessage", models.Index(fields=["email", "id"], name="tx_email")),
        AddIndexConcurrently(
            "txmessage",
            models.Index(
                fields=["status", "id"],
                name="tx_troubled",
                condition=models.Q(status__in=("deferred", "failed", "skipped", "unknown")),
            ),
        ),
    ]
