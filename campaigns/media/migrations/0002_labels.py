"""The names of fields as staff read them. Changes nothing in the database."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("media", "0001_initial"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="media",
            options={
                "ordering": ("-created_at", "-id"),
                "verbose_name": "file",
                "verbose_name_plural": "media",
            },
        ),
        migrations.AlterField(
            model_name="media",
            name="content_type",
            field=models.TextField(default="application/octet-stream", verbose_name="type"),
        ),
        migrations.AlterField(
            model_name="media",
            name="created_at",
            field=models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name="uploaded"
            ),
        ),
        migrations.AlterField(
            model_name="media",
            name="filename",
            field=models.TextField(verbose_name="file name"),
        ),
        migrations.AlterField(
            model_name="media",
            name="meta",
            field=models.JSONField(blank=True, default=dict, verbose_name="details"),
        ),
        migrations.AlterField(
            model_name="media",
            name="size_bytes",
            field=models.BigIntegerField(default=0, verbose_name="size in bytes"),
        ),
        migrations.AlterField(
            model_name="media",
            name="thumb",
            field=models.TextField(blank=True, default="", verbose_name="thumbnail"),
        ),
    ]
