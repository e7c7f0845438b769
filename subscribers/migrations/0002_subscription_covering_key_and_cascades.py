"""The subscription's key carries the status, and its rows go with their list or person.

Walking a list's members in order (planning, counting) then never leaves the index, and deleting a
million people is one statement instead of Django collecting their rows first.
"""

from django.db import migrations

FORWARDS = """
    ALTER TABLE subscribers_subscription DROP CONSTRAINT subscribers_subscription_pkey;
    ALTER TABLE subscribers_subscription
        ADD CONSTRAINT subscribers_subscription_pkey PRIMARY KEY (list_id, subscriber_id) INCLUDE (status);
    ALTER TABLE subscribers_subscription
        ADD CONSTRAINT subscription_goes_with_its_list
            FOREIGN KEY (list_id) REFERENCES subscribers_list (id) ON DELETE CASCADE,
        ADD CONSTRAINT subscription_goes_with_its_subscriber
            FOREIGN KEY (subscriber_id) REFERENCES subscribers_subscriber (id) ON DELETE CASCADE;
"""

BACKWARDS = """
    ALTER TABLE subscribers_subscription
        DROP CONSTRAINT subscription_goes_with_its_list,
        DROP CONSTRAINT subscription_goes_with_its_subscriber;
    ALTER TABLE subscribers_subscription DROP CONSTRAINT subscribers_subscription_pkey;
    ALTER TABLE subscribers_subscription
        ADD CONSTRAINT subscribers_subscription_pkey PRIMARY KEY (list_id, subscriber_id);
"""


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0001_initial")]

    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
