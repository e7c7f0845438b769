"""`campaigns_campaign.bounces` follows this table, whoever adds or deletes rows.

Why triggers: bounces also go with their subscriber, in the database, where no Python sees them.
Statement triggers with transition tables touch each campaign once per statement, however many rows.
"""

from django.db import migrations

FORWARDS = """
    CREATE FUNCTION bounces_count_in_campaigns() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'INSERT' THEN
            UPDATE campaigns_campaign c SET bounces = c.bounces + n.number
              FROM (SELECT campaign_id, count(*)::int AS number FROM changed
                     WHERE campaign_id IS NOT NULL GROUP BY campaign_id ORDER BY campaign_id) n
             WHERE c.id = n.campaign_id;
        ELSE
            UPDATE campaigns_campaign c SET bounces = greatest(0, c.bounces - n.number)
              FROM (SELECT campaign_id, count(*)::int AS number FROM changed
                     WHERE campaign_id IS NOT NULL GROUP BY campaign_id ORDER BY campaign_id) n
             WHERE c.id = n.campaign_id;
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER bounces_added AFTER INSERT ON bounces_bounce
        REFERENCING NEW TABLE AS changed
        FOR EACH STATEMENT EXECUTE FUNCTION bounces_count_in_campaigns();
    CREATE TRIGGER bounces_deleted AFTER DELETE ON bounces_bounce
        REFERENCING OLD TABLE AS changed
        FOR EACH STATEMENT EXECUTE FUNCTION bounces_count_in_campaigns();
    UPDATE campaigns_campaign c SET bounces = n.number
      FROM (SELECT campaign_id, count(*)::int AS number FROM bounces_bounce
             WHERE campaign_id IS NOT NULL GROUP BY campaign_id) n
     WHERE c.id = n.campaign_id;
"""

BACKWARDS = """
    DROP TRIGGER bounces_added ON bounces_bounce;
    DROP TRIGGER bounces_deleted ON bounces_bounce;
    DROP FUNCTION bounces_count_in_campaigns();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("bounces", "0003_bounces_go_with_their_subscriber"),
        ("campaigns", "0001_initial"),
    ]

    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
