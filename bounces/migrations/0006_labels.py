"""The names of fields as staff read them. Changes nothing in the database."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("bounces", "0005_listings_by_type_and_source"),
    ]

    operations = [
        migrations.AlterField(
            model_name="bounce",
            name="created_at",
            field=models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(), verbose_name="received"
            ),
        ),
        migrations.AlterField(
            model_name="bounce",
            name="event_id",
            field=models.TextField(blank=True, null=True, verbose_name="ID of the event at its source"),
        ),
    ]
