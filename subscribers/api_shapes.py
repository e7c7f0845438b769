"""What the routes of people, lists and imports take and answer, for OpenAPI (contract 3.2, 3.4 - 3.6)."""

from listmonk_py.api.shapes import (
    ANYTHING,
    BOOL,
    DONE,
    FILE,
    FREE,
    ID,
    IDS,
    INT,
    ROW_WITH_UUID,
    STR,
    STRINGS,
    TIME,
    UUID,
    Route,
    array,
    asked,
    choice,
    chosen,
    component,
    data,
    describe,
    listing,
    maybe,
    obj,
    page,
    query,
    text,
)

TYPE, OPTIN = choice("public", "private"), choice("single", "double")
LIST_STATUS, STATUS = choice("active", "archived"), choice("enabled", "disabled", "blocklisted")
SUBSCRIPTION_STATUS = choice("unconfirmed", "confirmed", "unsubscribed")

LISTED = {
    **ROW_WITH_UUID,
    "name": STR,
    "type": TYPE,
    "optin": OPTIN,
    "status": LIST_STATUS,
    "tags": STRINGS,
}
LIST = component(
    "List",
    obj(
        LISTED,
        description=STR,
        subscriber_count=INT,
        subscriber_statuses=maybe(FREE),
        subscription_created_at=maybe(TIME),
        subscription_updated_at=maybe(TIME),
    ),
)
LIST_IN = asked(
    "name",
    name=text(2000, 1),
    type=TYPE,
    optin=OPTIN,
    status=LIST_STATUS,
    tags=maybe(STRINGS),
    description=STR,
)
SUBSCRIPTION = component(
    "Subscription",
    {
        **obj(
            LISTED,
            subscription_status=SUBSCRIPTION_STATUS,
            subscription_created_at=TIME,
            subscription_updated_at=TIME,
            subscription_meta=FREE,
        ),
        "description": "A list that a person is on. `restricted` and without its name where the caller may "
        "not read the list.",
    },
)
SUBSCRIBER = component(
    "Subscriber",
    obj(
        ROW_WITH_UUID,
        email=STR,
        name=STR,
        attribs=FREE,
        status=STATUS,
        lists=array(SUBSCRIPTION),
    ),
)
SUBSCRIBER_FIELDS = {
    "email": text(1000),
    "name": text(2000),
    "status": STATUS,
    "lists": IDS,
    "attribs": FREE,
    "preconfirm_subscriptions": BOOL,
}
ACTION = choice("add", "remove", "unsubscribe")
BULK_LISTS = asked(
    "ids",
    "action",
    "target_list_ids",
    ids=IDS,
    action=ACTION,
    target_list_ids=IDS,
    status=SUBSCRIPTION_STATUS,
)
BY_QUERY = {
    "query": STR,
    "search": STR,
    "list_ids": IDS,
    "subscription_status": SUBSCRIPTION_STATUS,
    "all": BOOL,
    "segment": FREE,
    "segment_id": ID,
}
FILTERS = (
    query("search", STR, about="A case-insensitive regular expression on name and e-mail address."),
    query("query", STR, about="An SQL condition; needs `subscribers:sql_query`."),
    query("list_id", ID, many=True),
    query("subscription_status", SUBSCRIPTION_STATUS),
    query("segment", STR, about="A rule as JSON."),
    query("segment_id", ID, about="A saved segment; beside `segment` both have to hold."),
)
SEGMENT_FIELDS = {"name": text(200), "description": text(2000), "rule": FREE}
SEGMENT = component(
    "Segment",
    obj(ROW_WITH_UUID, **SEGMENT_FIELDS, owner_id=maybe(ID)),
)
IMPORT = component(
    "Import",
    obj(
        name=STR,
        total=INT,
        imported=INT,
        status=choice("none", "importing", "stopping", "finished", "failed"),
    ),
)
PUBLIC_LISTS = array(obj(uuid=UUID, name=STR))

describe(
    {
        "GET /api/lists": Route(
            # `minimal` with nothing found is an empty array, as in listmonk.
            data(ANYTHING),
            "Lists, a page of `List`.",
            query=(
                query("minimal", BOOL, about="All lists, without counting their people."),
                query("query", STR),
                query("status", LIST_STATUS),
                query("type", TYPE),
                query("optin", OPTIN),
                query("tag", STR, many=True),
                *listing("name", "status", "created_at", "updated_at", "subscriber_count"),
            ),
        ),
        "POST /api/lists": Route(data(LIST), body=LIST_IN),
        "DELETE /api/lists": Route(DONE, query=chosen()),
        "GET /api/lists/{}": Route(data(LIST)),
        "PUT /api/lists/{}": Route(data(LIST), body=LIST_IN),
        "DELETE /api/lists/{}": Route(DONE),
        "GET /api/subscribers": Route(
            page(SUBSCRIBER),
            "People. `cursor` walks large listings at the same cost for every page.",
            query=(
                *FILTERS,
                *listing("email", "name", "status", "created_at", "updated_at", "id"),
                query("cursor", STR, about="`next_cursor` of the page before; empty for the first."),
            ),
        ),
        "POST /api/subscribers": Route(data(SUBSCRIBER), body=asked("email", **SUBSCRIBER_FIELDS)),
        "DELETE /api/subscribers": Route(DONE, query=(query("id", ID, many=True),)),
        "GET /api/subscribers/{}": Route(data(SUBSCRIBER)),
        "PUT /api/subscribers/{}": Route(data(SUBSCRIBER), body=asked("email", **SUBSCRIBER_FIELDS)),
        "PATCH /api/subscribers/{}": Route(data(SUBSCRIBER), body=asked(**SUBSCRIBER_FIELDS)),
        "DELETE /api/subscribers/{}": Route(DONE),
        "POST /api/subscribers/{}/optin": Route(DONE),
        "PUT /api/subscribers/{}/blocklist": Route(DONE),
        "GET /api/subscribers/export": Route(
            None, media_type="text/csv", query=(*FILTERS, query("id", ID, many=True), query("lists", BOOL))
        ),
        "PUT /api/subscribers/blocklist": Route(DONE, body=asked("ids", ids=IDS)),
        "PUT /api/subscribers/lists": Route(DONE, body=BULK_LISTS),
        "PUT /api/subscribers/lists/{}": Route(DONE, body=BULK_LISTS),
        "POST /api/subscribers/query/delete": Route(DONE, body=asked(**BY_QUERY)),
        "PUT /api/subscribers/query/blocklist": Route(DONE, body=asked(**BY_QUERY)),
        "PUT /api/subscribers/query/lists": Route(
            DONE,
            body=asked(
                "action",
                "target_list_ids",
                **BY_QUERY,
                action=ACTION,
                target_list_ids=IDS,
                status=SUBSCRIPTION_STATUS,
            ),
        ),
        "GET /api/segments": Route(
            page(SEGMENT),
            "Rules about people, kept under a name.",
            query=(query("query", STR), *listing("name", "created_at", "updated_at")),
        ),
        "POST /api/segments": Route(data(SEGMENT), body=asked("name", "rule", **SEGMENT_FIELDS)),
        "GET /api/segments/{}": Route(data(SEGMENT)),
        "PUT /api/segments/{}": Route(
            data(SEGMENT),
            "What is not given stays. Campaigns that have started keep the rule they started with.",
            body=asked(**SEGMENT_FIELDS),
        ),
        "DELETE /api/segments/{}": Route(DONE, "Refused while a campaign that is not over uses it."),
        "GET /api/segments/{}/count": Route(
            data(obj(count=INT, exact=BOOL)),
            "How many people of those that the caller may see are in it: counted for up to two seconds, else "
            "estimated from a sample, and `exact` is false.",
        ),
        "GET /api/import/subscribers": Route(data(IMPORT)),
        "POST /api/import/subscribers": Route(
            data(FREE),
            "`params` is JSON: mode, delim, lists, overwrite, subscription_status.",
            body=asked("params", "file", params=STR, file=FILE),
            body_type="multipart/form-data",
        ),
        "DELETE /api/import/subscribers": Route(data(IMPORT)),
        "GET /api/import/subscribers/logs": Route(data(STR)),
        "GET /api/import/subscribers/rejects.csv": Route(None, media_type="text/csv"),
        "GET /api/public/lists": Route(PUBLIC_LISTS, "Lists that strangers may sign up to."),
        "POST /api/public/subscription": Route(
            data(obj(has_optin=BOOL)),
            "While a captcha is switched on, its answer goes along: `altcha` or `h-captcha-response`.",
            body=asked("email", "list_uuids", email=STR, name=STR, list_uuids=array(UUID)),
        ),
    }
)
