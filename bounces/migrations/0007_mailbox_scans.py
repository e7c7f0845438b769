"""What the scans of bounce mailboxes did, and the mails that were not understood."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("bounces", "0006_labels"),
    ]

    operations = [
        migrations.CreateModel(
            name="MailboxScan",
            fields=[
                ("mailbox", models.UUIDField(primary_key=True, serialize=False)),
                ("token", models.UUIDField(blank=True, null=True)),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("mails_read", models.BigIntegerField(default=0)),
                ("bounces", models.BigIntegerField(default=0)),
                ("passed_over", models.BigIntegerField(default=0)),
                ("kept_aside", models.BigIntegerField(default=0)),
                ("mails_left", models.BigIntegerField(default=0)),
                ("stuck", models.IntegerField(default=0)),
                ("error", models.TextField(blank=True, default="")),
            ],
        ),
        migrations.CreateModel(
            name="AsideMail",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("mailbox", models.UUIDField()),
                ("host", models.TextField(verbose_name="mailbox")),
                ("digest", models.TextField()),
                ("sender", models.TextField(blank=True, default="", verbose_name="from")),
                ("subject", models.TextField(blank=True, default="")),
                ("reason", models.TextField(blank=True, default="", verbose_name="why")),
                ("content", models.BinaryField()),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), verbose_name="read"
                    ),
                ),
            ],
            options={
                "verbose_name": "mail not understood",
                "verbose_name_plural": "mails not understood",
                "ordering": ("-id",),
                "constraints": [
                    models.UniqueConstraint(fields=("mailbox", "digest"), name="aside_mail_once_per_mailbox")
                ],
            },
        ),
    ]
