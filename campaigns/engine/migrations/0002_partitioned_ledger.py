"""The ledger, partitioned by range of campaign id, and the batch table's storage.

Partitions hold 1,000 campaigns each and are made ahead by beat; dropping old campaigns is dropping a
partition. A row with its key is under 100 bytes: fixed-width columns first, words in a side table.
"""

from django.db import migrations

FORWARDS = """
    CREATE TABLE engine_ledger (
        at                 timestamptz NOT NULL,
        retry_at           timestamptz,
        subscriber_id      bigint      NOT NULL,
        campaign_id        integer     NOT NULL,
        status             smallint    NOT NULL CHECK (status BETWEEN 1 AND 6),
        reason             smallint    NOT NULL DEFAULT 0,
        code               smallint    NOT NULL DEFAULT 0,
        attempts           smallint    NOT NULL DEFAULT 0,
        possible_duplicate boolean     NOT NULL DEFAULT false,
        PRIMARY KEY (campaign_id, subscriber_id)
    ) PARTITION BY RANGE (campaign_id);
    CREATE TABLE engine_ledger_default PARTITION OF engine_ledger DEFAULT;
    CREATE TABLE engine_ledger_0 PARTITION OF engine_ledger FOR VALUES FROM (0) TO (1000);

    -- Step 4 of the scan: the deferred that are due. Accepted rows, nearly all, are not in it.
    CREATE INDEX engine_ledger_due ON engine_ledger (campaign_id, retry_at) WHERE status = 2;
    -- Listings by status (failed, skipped, unknown), and moving them back to the queue.
    CREATE INDEX engine_ledger_troubled ON engine_ledger (campaign_id, status, subscriber_id) WHERE status <> 1;
    -- A person's page: what was sent to whom, newest campaign first.
    CREATE INDEX engine_ledger_person ON engine_ledger (subscriber_id);

    CREATE TABLE engine_ledger_text (
        campaign_id   integer NOT NULL,
        subscriber_id bigint  NOT NULL,
        text          text    NOT NULL,
        PRIMARY KEY (campaign_id, subscriber_id)
    );

    -- Ids stay out of the row and uncompressed, so that a checkpoint rewrites 100 bytes and a slice
    -- reads only its own pages. The free room keeps checkpoints on one page (HOT).
    ALTER TABLE engine_batch ALTER COLUMN subscriber_ids SET STORAGE EXTERNAL;
    ALTER TABLE engine_batch SET (fillfactor = 50, toast_tuple_target = 128);
    ALTER TABLE engine_batch
        ADD CONSTRAINT batch_goes_with_its_campaign
            FOREIGN KEY (campaign_id) REFERENCES campaigns_campaign (id) ON DELETE CASCADE;
"""

BACKWARDS = """
    ALTER TABLE engine_batch DROP CONSTRAINT batch_goes_with_its_campaign;
    ALTER TABLE engine_batch RESET (fillfactor, toast_tuple_target);
    DROP TABLE engine_ledger_text;
    DROP TABLE engine_ledger;
"""


class Migration(migrations.Migration):
    dependencies = [("engine", "0001_initial"), ("campaigns", "0001_initial")]

    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
