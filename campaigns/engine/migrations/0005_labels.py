"""The names of fields as staff read them. Changes nothing in the database."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("engine", "0004_batches_of_a_campaign_in_order"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="batch",
            options={"verbose_name_plural": "batches"},
        ),
        migrations.AlterField(
            model_name="batch",
            name="announced",
            field=models.IntegerField(default=0, verbose_name="announced up to"),
        ),
        migrations.AlterField(
            model_name="batch",
            name="created_at",
            field=models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(), verbose_name="planned"
            ),
        ),
        migrations.AlterField(
            model_name="batch",
            name="domain_group",
            field=models.TextField(default="", verbose_name="mailbox provider"),
        ),
        migrations.AlterField(
            model_name="batch",
            name="done",
            field=models.IntegerField(default=0, verbose_name="settled up to"),
        ),
        migrations.AlterField(
            model_name="batch",
            name="doubtful",
            field=models.IntegerField(default=0, verbose_name="in doubt up to"),
        ),
        migrations.AlterField(
            model_name="batch",
            name="first_id",
            field=models.BigIntegerField(verbose_name="first subscriber's ID"),
        ),
        migrations.AlterField(
            model_name="batch",
            name="last_id",
            field=models.BigIntegerField(verbose_name="last subscriber's ID"),
        ),
        migrations.AlterField(
            model_name="batch",
            name="lease_until",
            field=models.DateTimeField(null=True, verbose_name="leased until"),
        ),
        migrations.AlterField(
            model_name="batch",
            name="offered_at",
            field=models.DateTimeField(null=True, verbose_name="last offered"),
        ),
    ]
