from django.db import migrations

FORWARDS = """
    ALTER TABLE bounces_bounce
        ADD CONSTRAINT bounce_goes_with_its_subscriber
            FOREIGN KEY (subscriber_id) REFERENCES subscribers_subscriber (id) ON DELETE CASCADE;
"""

BACKWARDS = "ALTER TABLE bounces_bounce DROP CONSTRAINT bounce_goes_with_its_subscriber;"


class Migration(migrations.Migration):
    dependencies = [("bounces", "0002_relations"), ("subscribers", "0001_initial")]

    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
