"""What the routes of campaigns, templates, media, the archive and transactional mail take and answer, for
OpenAPI (contract 3.2, 3.7 - 3.9, 3.11)."""

from campaigns.engine.models import LedgerStatus
from campaigns.status import Status
from listmonk_py.api.shapes import (
    BOOL,
    DONE,
    FILE,
    FREE,
    ID,
    IDS,
    INT,
    NUMBER,
    ROW,
    ROW_WITH_UUID,
    STR,
    STRINGS,
    TIME,
    UUID,
    Route,
    Shape,
    array,
    asked,
    choice,
    chosen,
    component,
    data,
    describe,
    keyset,
    listing,
    maybe,
    obj,
    page,
    query,
)

TYPE = choice("regular", "optin")
CONTENT_TYPE = choice("richtext", "html", "plain", "markdown", "visual", "mjml")
STATUS = choice(*Status.values)
HEADERS = array({"type": "object", "additionalProperties": STR})

PACE = {
    "rate": maybe(NUMBER),
    "sliding_window_rate": maybe(INT),
    "sliding_window_duration": STR,
}
CAMPAIGN_FIELDS: dict[str, Shape] = {
    "type": TYPE,
    "name": STR,
    "subject": STR,
    "from_email": STR,
    "body": STR,
    "body_source": maybe(STR),
    "altbody": maybe(STR),
    "send_at": maybe(TIME),
    "content_type": CONTENT_TYPE,
    "tags": STRINGS,
    "headers": HEADERS,
    "attribs": FREE,
    "template_id": maybe(INT),
    "messenger": STR,
    "archive": BOOL,
    "archive_slug": maybe(STR),
    "archive_template_id": maybe(INT),
    "archive_meta": FREE,
    "auto_altbody": BOOL,
    **PACE,
    "segment_id": maybe(INT),
}
NAMED = array(obj(id=maybe(ID), name=STR))
CAMPAIGN = component(
    "Campaign",
    obj(
        ROW_WITH_UUID | CAMPAIGN_FIELDS,
        status=STATUS,
        lists=NAMED,
        media=array(obj(id=maybe(ID), filename=STR)),
        views=INT,
        clicks=INT,
        bounces=INT,
        started_at=maybe(TIME),
        finished_at=maybe(TIME),
        to_send=INT,
        to_send_exact=BOOL,
        sent=INT,
        deferred=INT,
        failed=INT,
        skipped=INT,
        unknown=INT,
        status_reason=STR,
        segment_name=STR,
        version=INT,
    ),
)
CAMPAIGN_IN = {**CAMPAIGN_FIELDS, "lists": IDS, "media": IDS}
ARCHIVE = {
    "archive": BOOL,
    "archive_template_id": maybe(INT),
    "archive_meta": maybe(FREE),
    "archive_slug": maybe(STR),
}
ACCOUNTING = {
    "audience": INT,
    "audience_exact": BOOL,
    "accepted": INT,
    "deferred": INT,
    "failed": INT,
    "skipped": INT,
    "unknown": INT,
}
DELIVERY = component(
    "Delivery",
    obj(
        subscriber_id=ID,
        subscriber_uuid=maybe(UUID),
        email=maybe(STR),
        status=choice(*[one.label for one in LedgerStatus]),
        reason=STR,
        code=maybe(INT),
        text=STR,
        attempts=INT,
        possible_duplicate=BOOL,
        at=TIME,
        retry_at=maybe(TIME),
    ),
)
RATES = obj(
    id=ID,
    status=STATUS,
    to_send=INT,
    sent=INT,
    started_at=maybe(TIME),
    updated_at=TIME,
    rate=NUMBER,
    net_rate=NUMBER,
)
TEMPLATE_IN = {
    "name": STR,
    "type": choice("campaign", "campaign_visual", "tx"),
    "subject": STR,
    "body": STR,
    "body_source": maybe(STR),
}
TEMPLATE = component(
    "Template",
    {
        "type": "object",
        "properties": {
            **ROW,
            **TEMPLATE_IN,
            "is_default": BOOL,
        },
        "required": ["created_at", "id", "is_default", "name", "subject", "type", "updated_at"],
    },
)
MEDIA = component(
    "Media",
    obj(
        id=ID,
        uuid=UUID,
        filename=STR,
        content_type=STR,
        created_at=TIME,
        thumb_url=maybe(STR),
        provider=STR,
        meta=FREE,
        url=STR,
    ),
)
TX_IN = asked(
    "template_id",
    subscriber_mode=choice("default", "fallback", "external"),
    subscriber_email=STR,
    subscriber_emails=STRINGS,
    subscriber_id=INT,
    subscriber_ids=IDS,
    template_id=ID,
    data=FREE,
    from_email=STR,
    subject=STR,
    altbody=STR,
    headers=HEADERS,
    content_type=STR,
    messenger=STR,
)
TX = component(
    "TransactionalMessage",
    obj(
        uuid=UUID,
        request=UUID,
        email=STR,
        subscriber_id=maybe(INT),
        template_id=maybe(INT),
        messenger=STR,
        status=choice("queued", "sending", "sent", "deferred", "failed", "skipped", "unknown"),
        code=INT,
        text=STR,
        attempts=INT,
        possible_duplicate=BOOL,
        created_at=TIME,
        updated_at=TIME,
    ),
)
ARCHIVED = obj(uuid=UUID, subject=STR, content=STR, created_at=TIME, send_at=maybe(TIME), url=STR)
VIEWS = obj(id=ID, uuid=UUID, name=STR, subject=STR, view_count=INT, last_viewed_at=STR)
CLICKS = obj(link_id=ID, url=STR, campaign_id=maybe(ID), click_count=INT, last_clicked_at=STR)
NO_BODY = (query("no_body", BOOL, about="Leave the bodies out."),)
HTML, FORM = "text/html", "application/x-www-form-urlencoded"
PREVIEW_FORM = asked(content_type=STR, body=STR, template_id=STR)
LEDGER = (query("status", choice(*[one.label for one in LedgerStatus]), many=True),)

describe(
    {
        "GET /api/campaigns": Route(
            page(CAMPAIGN),
            query=(
                query("status", STATUS, many=True),
                query("tag", STR, many=True),
                query("query", STR),
                *NO_BODY,
                *listing("name", "status", "created_at", "updated_at"),
            ),
        ),
        "POST /api/campaigns": Route(data(CAMPAIGN), body=asked("name", "subject", "lists", **CAMPAIGN_IN)),
        "DELETE /api/campaigns": Route(DONE, query=chosen()),
        "GET /api/campaigns/{}": Route(data(CAMPAIGN), query=NO_BODY),
        "PUT /api/campaigns/{}": Route(
            data(CAMPAIGN),
            "`If-Match` with the version refuses (412) to overwrite another's change.",
            body=asked("lists", **CAMPAIGN_IN),
        ),
        "DELETE /api/campaigns/{}": Route(DONE),
        "PUT /api/campaigns/{}/status": Route(
            data(CAMPAIGN), body=asked("status", status=choice(*(set(Status.values) - {Status.FINISHED})))
        ),
        "PUT /api/campaigns/{}/archive": Route(data(obj(ARCHIVE)), body=asked(**ARCHIVE)),
        "GET /api/campaigns/{}/preview": Route(None, media_type=HTML),
        "POST /api/campaigns/{}/preview": Route(None, body=PREVIEW_FORM, body_type=FORM, media_type=HTML),
        "POST /api/campaigns/{}/preview/archive": Route(
            None, body=asked(template_id=STR, archive_meta=STR), body_type=FORM, media_type=HTML
        ),
        "POST /api/campaigns/{}/text": Route(None, body=PREVIEW_FORM, body_type=FORM, media_type=HTML),
        "POST /api/campaigns/{}/content": Route(
            data(STR), body=asked("from", "to", "body", **{"from": STR, "to": STR, "body": STR})
        ),
        "POST /api/campaigns/{}/test": Route(
            DONE, body=asked("subscribers", "lists", "messenger", **CAMPAIGN_IN, subscribers=STRINGS)
        ),
        "GET /api/campaigns/running/stats": Route(data(array(RATES))),
        "GET /api/campaigns/analytics/{}": Route(
            data(array(FREE)),
            path={"type": choice("views", "clicks", "bounces", "links")},
            query=(
                query("id", ID, many=True, required=True),
                query("from", STR, required=True, about="Such as 2026-05-01 or 2026-05-01T10:00:00Z."),
                query("to", STR, required=True),
            ),
        ),
        "GET /api/campaigns/{}/deliveries": Route(
            keyset(DELIVERY, **ACCOUNTING, status_reason=STR),
            "What became of each recipient. `next_cursor` is also there as `next`.",
            query=(
                *LEDGER,
                query("cursor", INT, about="`next_cursor` of the page before; empty for the first."),
                query("per_page", INT),
            ),
        ),
        "GET /api/campaigns/{}/deliveries/export": Route(None, media_type="text/csv", query=LEDGER),
        "PUT /api/campaigns/{}/pace": Route(data(obj(PACE)), body=asked(**PACE)),
        "POST /api/campaigns/{}/retry-failed": Route(data(obj(queued=INT))),
        "POST /api/campaigns/{}/resolve-unknown": Route(
            data(obj(resolved=INT)), body=asked("action", action=choice("accept", "resend"))
        ),
        "GET /api/subscribers/{}/activity": Route(
            data(obj(campaign_views=array(VIEWS), link_clicks=array(CLICKS)))
        ),
        "GET /api/subscribers/{}/export": Route(FREE, "All that is kept about a person."),
        "GET /api/templates": Route(data(array(TEMPLATE)), query=NO_BODY),
        "POST /api/templates": Route(data(TEMPLATE), body=asked("name", "type", "body", **TEMPLATE_IN)),
        "POST /api/templates/preview": Route(
            None, body=asked(template_type=STR, body=STR), body_type=FORM, media_type=HTML
        ),
        "GET /api/templates/{}": Route(data(TEMPLATE), query=NO_BODY),
        "PUT /api/templates/{}": Route(data(TEMPLATE), body=asked(**TEMPLATE_IN)),
        "DELETE /api/templates/{}": Route(DONE),
        "GET /api/templates/{}/preview": Route(None, media_type=HTML),
        "PUT /api/templates/{}/default": Route(data(array(TEMPLATE))),
        "GET /api/media": Route(page(MEDIA), query=(query("query", STR), *listing())),
        "POST /api/media": Route(data(MEDIA), body=asked("file", file=FILE), body_type="multipart/form-data"),
        "GET /api/media/{}": Route(data(MEDIA)),
        "DELETE /api/media/{}": Route(DONE),
        "POST /api/tx": Route(DONE, "With files: multipart, the JSON in the field `data`.", body=TX_IN),
        "GET /api/tx/{}": Route(data(TX), path={"id": UUID}),
        "GET /api/public/archive": Route(page(ARCHIVED), query=listing()),
    }
)
