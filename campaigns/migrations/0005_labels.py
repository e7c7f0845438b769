"""The names of fields as staff read them. Changes nothing in the database."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0004_listings_by_status_and_list"),
    ]

    operations = [
        migrations.AlterField(
            model_name="campaign",
            name="altbody",
            field=models.TextField(blank=True, null=True, verbose_name="plain text"),
        ),
        migrations.AlterField(
            model_name="campaign",
            name="archive",
            field=models.BooleanField(default=False, verbose_name="in the public archive"),
        ),
        migrations.AlterField(
            model_name="campaign",
            name="archive_meta",
            field=models.JSONField(blank=True, default=dict, verbose_name="fields in the archive"),
        ),
        migrations.AlterField(
            model_name="campaign",
            name="archive_slug",
            field=models.TextField(blank=True, null=True, unique=True, verbose_name="address in the archive"),
        ),
        migrations.AlterField(
            model_name="campaign",
            name="archive_template",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="archived_campaigns",
                to="campaigns.template",
                verbose_name="template in the archive",
            ),
        ),
        migrations.AlterField(
            model_name="campaign",
            name="attribs",
            field=models.JSONField(blank=True, default=dict, verbose_name="attributes"),
        ),
        migrations.AlterField(
            model_name="campaign",
            name="auto_altbody",
            field=models.BooleanField(default=False, verbose_name="plain text made from the HTML"),
        ),
        migrations.AlterField(
            model_name="campaign",
            name="content_type",
            field=models.TextField(
                choices=[
                    ("richtext", "Richtext"),
                    ("html", "Html"),
                    ("plain", "Plain"),
                    ("markdown", "Markdown"),
                    ("visual", "Visual"),
                    ("mjml", "Mjml"),
                ],
                default="richtext",
                verbose_name="written as",
            ),
        ),
        migrations.AlterField(
            model_name="campaign",
            name="created_at",
            field=models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name="created"
            ),
        ),
        migrations.AlterField(
            model_name="campaign",
            name="from_email",
            field=models.TextField(blank=True, default="", verbose_name="from"),
        ),
        migrations.AlterField(
            model_name="campaign",
            name="rate",
            field=models.FloatField(blank=True, null=True, verbose_name="messages a second"),
        ),
        migrations.AlterField(
            model_name="campaign",
            name="updated_at",
            field=models.DateTimeField(auto_now=True, verbose_name="last changed"),
        ),
        migrations.AlterField(
            model_name="template",
            name="created_at",
            field=models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name="created"
            ),
        ),
        migrations.AlterField(
            model_name="template",
            name="updated_at",
            field=models.DateTimeField(auto_now=True, verbose_name="last changed"),
        ),
    ]
