"""The names of fields as staff read them. Changes nothing in the database."""

import uuid

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("transactional", "0003_listings_by_address_and_trouble"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="txmessage",
            options={"ordering": ("-id",), "verbose_name": "transactional message"},
        ),
        migrations.AlterField(
            model_name="txmessage",
            name="code",
            field=models.SmallIntegerField(default=0, verbose_name="reply code"),
        ),
        migrations.AlterField(
            model_name="txmessage",
            name="created_at",
            field=models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name="created"
            ),
        ),
        migrations.AlterField(
            model_name="txmessage",
            name="idempotency_key",
            field=models.TextField(blank=True, null=True, verbose_name="idempotency key"),
        ),
        migrations.AlterField(
            model_name="txmessage",
            name="next_at",
            field=models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(), verbose_name="next attempt"
            ),
        ),
        migrations.AlterField(
            model_name="txmessage",
            name="possible_duplicate",
            field=models.BooleanField(default=False, verbose_name="possibly a duplicate"),
        ),
        migrations.AlterField(
            model_name="txmessage",
            name="request",
            field=models.UUIDField(verbose_name="request it came with"),
        ),
        migrations.AlterField(
            model_name="txmessage",
            name="text",
            field=models.TextField(blank=True, default="", verbose_name="reply"),
        ),
        migrations.AlterField(
            model_name="txmessage",
            name="updated_at",
            field=models.DateTimeField(auto_now=True, verbose_name="last changed"),
        ),
        migrations.AlterField(
            model_name="txmessage",
            name="uuid",
            field=models.UUIDField(default=uuid.uuid4, editable=False, unique=True, verbose_name="UUID"),
        ),
    ]
