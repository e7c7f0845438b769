"""What the routes of bounces take and answer, for OpenAPI (contract 3.10, 8)."""

from listmonk_py.api.shapes import (
    ANYTHING,
    BOOL,
    DONE,
    FREE,
    ID,
    INT,
    STR,
    STRINGS,
    TIME,
    UUID,
    Route,
    array,
    asked,
    choice,
    component,
    data,
    describe,
    listing,
    maybe,
    obj,
    page,
    query,
)
from subscribers.api_shapes import STATUS as SUBSCRIBER_STATUS

TYPE = choice("soft", "hard", "complaint")
BOUNCE = component(
    "Bounce",
    obj(
        id=ID,
        type=TYPE,
        source=STR,
        meta=FREE,
        created_at=TIME,
        email=STR,
        subscriber_uuid=UUID,
        subscriber_id=ID,
        subscriber_status=SUBSCRIBER_STATUS,
        campaign=maybe(obj(id=ID, name=STR)),
    ),
)

SCAN = obj(
    started_at=TIME,
    finished_at=maybe(TIME),
    is_running=BOOL,
    mails_read=INT,
    bounces=INT,
    passed_over=INT,
    kept_aside=INT,
    mails_left=INT,
    error=STR,
)
MAILBOX = obj(
    uuid=UUID,
    enabled=BOOL,
    type=choice("pop", "imap"),
    host=STR,
    port=INT,
    folder=STR,
    last_scan=maybe(SCAN),
)

NO_PASSWORD = {"401": "A user name and password are wanted."}

describe(
    {
        "GET /api/bounces": Route(
            page(BOUNCE),
            query=(
                query("campaign_id", ID),
                query("source", STR),
                *listing("email", "campaign_name", "source", "created_at", "type"),
            ),
        ),
        "DELETE /api/bounces": Route(DONE, query=(query("id", ID, many=True), query("all", BOOL))),
        "PUT /api/bounces/blocklist": Route(DONE, "Blocklist everybody who has bounced."),
        "GET /api/bounces/mailboxes": Route(
            data(array(MAILBOX)), "The mailboxes that are read for bounces, and what their last scans did."
        ),
        "POST /api/settings/mailbox/test": Route(
            data(STRINGS), "Open a bounce mailbox without reading or changing it.", body=FREE
        ),
        "GET /api/bounces/{}": Route(data(BOUNCE)),
        "DELETE /api/bounces/{}": Route(DONE),
        "GET /api/subscribers/{}/bounces": Route(data(array(BOUNCE))),
        "DELETE /api/subscribers/{}/bounces": Route(DONE),
        "POST /webhooks/bounce": Route(
            DONE,
            "A bounce of a person named by e-mail address or UUID.",
            body=asked(
                "type",
                email=STR,
                subscriber_uuid=UUID,
                campaign_uuid=UUID,
                source=STR,
                type=TYPE,
                meta=FREE,
                created_at=TIME,
            ),
        ),
        "POST /webhooks/service/{}": Route(
            ANYTHING,
            "What a provider tells; each proves itself in its own way.",
            body=ANYTHING,
            refusals=NO_PASSWORD,
        ),
        "GET /webhooks/anymail/{}/tracking": Route(
            DONE, "Whether reports of this provider are taken.", refusals=NO_PASSWORD
        ),
        "POST /webhooks/anymail/{}/tracking": Route(
            DONE,
            "What a provider tells of mail sent through its API; by its password or its signature.",
            body=ANYTHING,
            refusals=NO_PASSWORD,
        ),
    }
)
