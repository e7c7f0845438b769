from django.db import migrations

FORWARDS = """
    ALTER TABLE transactional_txmessage
        ADD CONSTRAINT tx_message_outlives_its_subscriber
            FOREIGN KEY (subscriber_id) REFERENCES subscribers_subscriber (id) ON DELETE SET NULL;
"""

BACKWARDS = "ALTER TABLE transactional_txmessage DROP CONSTRAINT tx_message_outlives_its_subscriber;"


class Migration(migrations.Migration):
    dependencies = [("transactional", "0001_initial"), ("subscribers", "0001_initial")]

    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
