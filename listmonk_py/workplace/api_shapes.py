"""What the routes of settings, the dashboard and maintenance take and answer, for OpenAPI (contract 3.3)."""

from listmonk_py.api.shapes import (
    ANYTHING,
    DONE,
    FREE,
    INT,
    STR,
    STRINGS,
    TIME,
    Route,
    array,
    choice,
    data,
    describe,
    obj,
    query,
)

BEFORE = (query("before_date", TIME, required=True),)
DAYS = array(obj(count=INT, date=STR))

describe(
    {
        "GET /api/health": Route(DONE),
        "GET /admin/custom.css": Route(None, media_type="text/css", statuses=(307,)),
        "GET /admin/custom.js": Route(None, media_type="application/javascript", statuses=(307,)),
        "GET /api/config": Route(data(FREE), "What a client needs to know of this installation."),
        "GET /api/lang/{}": Route(data(FREE), path={"code": STR}),
        "GET /api/about": Route(FREE),
        "GET /api/logs": Route(data(STRINGS)),
        "GET /api/events": Route(None, "Errors as they are logged.", media_type="text/event-stream"),
        "GET /api/dashboard/counts": Route(data(FREE)),
        "GET /api/dashboard/charts": Route(data(obj(campaign_views=DAYS, link_clicks=DAYS))),
        "GET /api/settings": Route(data(FREE), "All settings; secrets are masked."),
        "PUT /api/settings": Route(DONE, "A masked or blank secret is kept.", body=FREE),
        "PUT /api/settings/{}": Route(DONE, "The value itself as JSON.", body=ANYTHING, path={"key": STR}),
        "POST /api/settings/smtp/test": Route(data(STRINGS), body=FREE),
        "POST /api/admin/reload": Route(DONE),
        "GET /api/public/captcha/altcha": Route(
            obj(algorithm=STR, challenge=STR, maxNumber=INT, salt=STR, signature=STR)
        ),
        "DELETE /api/maintenance/subscribers/{}": Route(
            data(obj(count=INT)), path={"kind": choice("orphan", "blocklisted")}
        ),
        "DELETE /api/maintenance/subscriptions/unconfirmed": Route(data(obj(count=INT)), query=BEFORE),
        "DELETE /api/maintenance/analytics/{}": Route(
            DONE, query=BEFORE, path={"kind": choice("all", "views", "clicks")}
        ),
        "GET /api/maintenance/analytics/{}/export": Route(
            None,
            media_type="text/csv",
            query=(query("since", TIME, required=True),),
            path={"kind": choice("views", "clicks")},
        ),
    }
)
