"""A campaign may go to those people of its lists who are in a segment."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0002_relations"),
        ("subscribers", "0007_saved_segments"),
    ]

    operations = [
        migrations.AddField(
            model_name="campaign",
            name="segment",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="campaigns",
                to="subscribers.segment",
            ),
        ),
        migrations.AddField(
            model_name="campaign",
            name="segment_name",
            field=models.TextField(blank=True, default="", editable=False),
        ),
        migrations.AddField(
            model_name="campaign",
            name="segment_rule",
            field=models.JSONField(blank=True, editable=False, null=True),
        ),
    ]
