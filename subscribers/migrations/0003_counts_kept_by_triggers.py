"""Counts of people and subscriptions by status, kept as sums of changes (see counts.py)."""

from django.db import migrations, models

FORWARDS = """
    CREATE FUNCTION tally_subscriptions() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'INSERT' THEN
            INSERT INTO subscribers_tally (list_id, status, change)
            SELECT list_id, status, count(*) FROM new_rows GROUP BY 1, 2;
        ELSIF TG_OP = 'DELETE' THEN
            INSERT INTO subscribers_tally (list_id, status, change)
            SELECT list_id, status, -count(*) FROM old_rows GROUP BY 1, 2;
        ELSE
            INSERT INTO subscribers_tally (list_id, status, change)
            SELECT list_id, status, sum(change)
              FROM (SELECT list_id, status, 1 AS change FROM new_rows
                    UNION ALL SELECT list_id, status, -1 FROM old_rows) AS moved
             GROUP BY 1, 2 HAVING sum(change) <> 0;
        END IF;
        RETURN NULL;
    END $$;

    CREATE FUNCTION tally_people() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'INSERT' THEN
            INSERT INTO subscribers_tally (list_id, status, change)
            SELECT NULL, status, count(*) FROM new_rows GROUP BY status;
        ELSIF TG_OP = 'DELETE' THEN
            INSERT INTO subscribers_tally (list_id, status, change)
            SELECT NULL, status, -count(*) FROM old_rows GROUP BY status;
        ELSE
            INSERT INTO subscribers_tally (list_id, status, change)
            SELECT NULL, status, sum(change)
              FROM (SELECT status, 1 AS change FROM new_rows
                    UNION ALL SELECT status, -1 FROM old_rows) AS moved
             GROUP BY status HAVING sum(change) <> 0;
        END IF;
        RETURN NULL;
    END $$;

    -- Each event needs its own trigger: transition tables allow no more.
    CREATE TRIGGER tally_inserted AFTER INSERT ON subscribers_subscription
        REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION tally_subscriptions();
    CREATE TRIGGER tally_updated AFTER UPDATE ON subscribers_subscription
        REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
        FOR EACH STATEMENT EXECUTE FUNCTION tally_subscriptions();
    CREATE TRIGGER tally_deleted AFTER DELETE ON subscribers_subscription
        REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION tally_subscriptions();

    CREATE TRIGGER tally_inserted AFTER INSERT ON subscribers_subscriber
        REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION tally_people();
    CREATE TRIGGER tally_updated AFTER UPDATE ON subscribers_subscriber
        REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
        FOR EACH STATEMENT EXECUTE FUNCTION tally_people();
    CREATE TRIGGER tally_deleted AFTER DELETE ON subscribers_subscriber
        REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION tally_people();

    INSERT INTO subscribers_tally (list_id, status, change)
    SELECT list_id, status, count(*) FROM subscribers_subscription GROUP BY 1, 2;
    INSERT INTO subscribers_tally (list_id, status, change)
    SELECT NULL, status, count(*) FROM subscribers_subscriber GROUP BY status;
"""

BACKWARDS = """
    DROP TRIGGER tally_inserted ON subscribers_subscription;
    DROP TRIGGER tally_updated ON subscribers_subscription;
    DROP TRIGGER tally_deleted ON subscribers_subscription;
    DROP TRIGGER tally_inserted ON subscribers_subscriber;
    DROP TRIGGER tally_updated ON subscribers_subscriber;
    DROP TRIGGER tally_deleted ON subscribers_subscriber;
    DROP FUNCTION tally_subscriptions();
    DROP FUNCTION tally_people();
"""


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0002_subscription_covering_key_and_cascades")]

    operations = [
        migrations.CreateModel(
            name="Tally",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("list_id", models.BigIntegerField(null=True)),
                ("status", models.TextField()),
                ("change", models.BigIntegerField()),
            ],
            options={"indexes": [models.Index(fields=["list_id", "status"], name="tally_list")]},
        ),
        migrations.RunSQL(FORWARDS, BACKWARDS),
    ]
