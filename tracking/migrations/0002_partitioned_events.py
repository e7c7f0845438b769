"""Opens and clicks, partitioned by month. Beat makes partitions ahead; the DEFAULT takes strays."""

from django.db import migrations

FORWARDS = """
    CREATE TABLE tracking_view (
        event_id      uuid        NOT NULL,
        created_at    timestamptz NOT NULL,
        subscriber_id bigint,
        campaign_id   integer     NOT NULL,
        machine       smallint    NOT NULL DEFAULT 0,
        PRIMARY KEY (event_id, created_at)
    ) PARTITION BY RANGE (created_at);
    CREATE TABLE tracking_click (
        event_id      uuid        NOT NULL,
        created_at    timestamptz NOT NULL,
        subscriber_id bigint,
        link_id       bigint      NOT NULL,
        campaign_id   integer,
        machine       smallint    NOT NULL DEFAULT 0,
        PRIMARY KEY (event_id, created_at)
    ) PARTITION BY RANGE (created_at);
    CREATE TABLE tracking_view_default PARTITION OF tracking_view DEFAULT;
    CREATE TABLE tracking_click_default PARTITION OF tracking_click DEFAULT;

    -- Analytics of a campaign over time.
    CREATE INDEX tracking_view_campaign ON tracking_view (campaign_id, created_at);
    CREATE INDEX tracking_click_campaign ON tracking_click (campaign_id, created_at);
    -- A person's page, and the export of a person's data.
    CREATE INDEX tracking_view_person ON tracking_view (subscriber_id) WHERE subscriber_id IS NOT NULL;
    CREATE INDEX tracking_click_person ON tracking_click (subscriber_id) WHERE subscriber_id IS NOT NULL;
"""

BACKWARDS = """
    DROP TABLE tracking_click;
    DROP TABLE tracking_view;
"""


class Migration(migrations.Migration):
    dependencies = [("tracking", "0001_initial")]

    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
