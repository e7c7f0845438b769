"""The names of fields as staff read them. Changes nothing in the database."""

import uuid

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tracking", "0003_partitions_of_the_first_months"),
    ]

    operations = [
        migrations.AlterField(
            model_name="link",
            name="created_at",
            field=models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(),
                editable=False,
                verbose_name="first used",
            ),
        ),
        migrations.AlterField(
            model_name="link",
            name="url",
            field=models.TextField(verbose_name="address"),
        ),
        migrations.AlterField(
            model_name="link",
            name="uuid",
            field=models.UUIDField(default=uuid.uuid4, editable=False, unique=True, verbose_name="UUID"),
        ),
    ]
