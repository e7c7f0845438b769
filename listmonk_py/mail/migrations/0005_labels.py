"""The names of fields as staff read them. Changes nothing in the database."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mail", "0004_sliding_domain_group_windows"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="domaingroup",
            options={"ordering": ("name",), "verbose_name": "mailbox provider"},
        ),
        migrations.AlterField(
            model_name="domaingroup",
            name="rate",
            field=models.FloatField(
                blank=True,
                help_text="Messages per window; empty is no limit.",
                null=True,
                verbose_name="messages per window",
            ),
        ),
        migrations.AlterField(
            model_name="domaingroup",
            name="updated_at",
            field=models.DateTimeField(auto_now=True, verbose_name="last changed"),
        ),
        migrations.AlterField(
            model_name="domaingroup",
            name="window_s",
            field=models.FloatField(
                default=1.0, help_text="Length of the window in seconds.", verbose_name="window in seconds"
            ),
        ),
    ]
