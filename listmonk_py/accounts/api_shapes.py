"""What the routes of users, roles and one's own profile take and answer, for OpenAPI (contract 3.12)."""

from listmonk_py.api.shapes import (
    BOOL,
    DONE,
    FREE,
    ID,
    INT,
    ROW,
    STR,
    STRINGS,
    TIME,
    Route,
    array,
    asked,
    choice,
    component,
    data,
    describe,
    maybe,
    obj,
    query,
)

TYPE, STATUS = choice("user", "api"), choice("enabled", "disabled")
GRANTS = array(obj(id=ID, name=STR, permissions=STRINGS))
USER = component(
    "User",
    obj(
        ROW,
        username=STR,
        password=maybe(STR),
        password_login=BOOL,
        email=maybe(STR),
        name=STR,
        type=TYPE,
        status=STATUS,
        avatar=maybe(STR),
        language=STR,
        time_zone=STR,
        twofa_type=choice("none", "totp"),
        loggedin_at=maybe(TIME),
        user_role=obj(id=ID, name=STR, permissions=STRINGS),
        list_role=maybe(obj(id=ID, name=STR, lists=GRANTS)),
    ),
)
USER_IN = {
    "type": TYPE,
    "username": STR,
    "name": STR,
    "email": maybe(STR),
    "password": maybe(STR),
    "password_login": BOOL,
    "status": STATUS,
    "user_role_id": INT,
    "list_role_id": maybe(INT),
    "language": maybe(STR),
    "time_zone": maybe(STR),
}
ROLE = component(
    "Role",
    obj(
        ROW,
        type=choice("user"),
        name=STR,
        permissions=STRINGS,
        lists=maybe(array(FREE)),
    ),
)
LIST_ROLE = component("ListRole", obj(id=ID, created_at=TIME, updated_at=TIME, name=STR, lists=maybe(GRANTS)))
ROLE_IN = asked("name", name=STR, permissions=STRINGS)
LIST_ROLE_IN = asked("name", name=STR, lists=array(asked("id", id=ID, permissions=STRINGS)))
FORM = "application/x-www-form-urlencoded"

describe(
    {
        "GET /api/users": Route(data(array(USER))),
        "POST /api/users": Route(
            data(USER),
            "The token of an API user is in `password`, this once.",
            body=asked("username", "user_role_id", "status", **USER_IN),
        ),
        "DELETE /api/users": Route(DONE, query=(query("id", ID, many=True, required=True),)),
        "GET /api/users/{}": Route(data(USER)),
        "PUT /api/users/{}": Route(data(USER), body=asked(**USER_IN)),
        "DELETE /api/users/{}": Route(DONE),
        "GET /api/users/{}/tokens": Route(data(array(FREE))),
        "POST /api/users/{}/tokens": Route(data(FREE), body=asked(name=STR, expires_at=maybe(TIME))),
        "DELETE /api/users/{}/tokens/{}": Route(DONE),
        "GET /api/users/{}/twofa/totp": Route(data(obj(secret=STR, qr=STR)), "For the caller's own account."),
        "PUT /api/users/{}/twofa": Route(
            DONE, body=asked("type", "secret", "code", type=STR, secret=STR, code=STR), body_type=FORM
        ),
        "DELETE /api/users/{}/twofa": Route(
            DONE, body=asked("password", password=STR), body_type="multipart/form-data"
        ),
        "GET /api/roles/users": Route(data(array(ROLE))),
        "POST /api/roles/users": Route(data(ROLE), body=ROLE_IN),
        "PUT /api/roles/users/{}": Route(data(ROLE), body=ROLE_IN),
        "GET /api/roles/lists": Route(data(array(LIST_ROLE))),
        "POST /api/roles/lists": Route(data(LIST_ROLE), body=LIST_ROLE_IN),
        "PUT /api/roles/lists/{}": Route(data(LIST_ROLE), body=LIST_ROLE_IN),
        "DELETE /api/roles/{}": Route(DONE),
        "GET /api/profile": Route(data(USER)),
        "PUT /api/profile": Route(
            data(USER), body=asked(name=STR, email=STR, password=STR, language=STR, time_zone=STR)
        ),
        "GET /api/profile/sessions": Route(data(array(FREE))),
        "DELETE /api/profile/sessions/{}": Route(DONE),
        "POST /api/logout": Route(DONE),
    }
)
