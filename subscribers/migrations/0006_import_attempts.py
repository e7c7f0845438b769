"""Count how often an import was taken up without getting further."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0005_one_import_at_a_time")]

    operations = [
        migrations.AddField(
            model_name="importjob", name="attempts", field=models.SmallIntegerField(default=0)
        ),
    ]
