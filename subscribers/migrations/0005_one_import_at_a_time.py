"""At most one import is under way; the database holds the rule, so two requests at once cannot break it."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0004_orderings_by_name_and_status")]

    operations = [
        migrations.RunSQL(
            """
            CREATE UNIQUE INDEX one_import_at_a_time ON subscribers_importjob ((true))
             WHERE status IN ('importing', 'stopping');
            """,
            "DROP INDEX one_import_at_a_time;",
        ),
    ]
