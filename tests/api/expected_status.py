"""Where this program is meant to answer otherwise than listmonk did, case by case.

listmonk's 5xx and dropped connections are its defects; `docs/differences.md` tells users what is different.
"""

EXPECTED: dict[str, int] = {
    # 500 for what the request got wrong.
    "DELETE_api_media_id: missing": 404,
    "DELETE_api_roles_id: in use": 400,
    "GET_api_campaigns: unknown status": 400,
    "GET_api_campaigns_analytics_type: bad date": 400,
    "GET_api_lists: unknown type": 400,
    "GET_api_subscribers_id_export: missing": 400,
    "GET_campaign_campUUID_subUUID: unknown subscriber": 404,
    "POST_api_campaigns: slug taken": 409,
    "POST_api_import_subscribers: zip without csv": 400,
    "POST_api_lists: unknown enum": 400,
    "POST_api_media: png that is none": 400,
    "POST_api_public_subscription: list UUID malformed": 400,
    "POST_api_roles_users: name taken": 409,
    "POST_api_settings_smtp_test: nothing listens there": 400,
    "POST_api_subscribers: unknown status": 400,
    "POST_api_subscribers_query_delete: broken SQL": 400,
    "POST_api_templates: no name": 400,
    "POST_api_templates: no type": 400,
    "POST_api_templates: unknown type": 400,
    "POST_api_users: e-mail taken": 409,
    "POST_api_users: name taken": 409,
    "POST_api_users: no role": 400,
    "POST_api_users: no status": 400,
    "PUT_api_campaigns_id_archive: slug taken": 409,
    "PUT_api_campaigns_id_status: unknown status": 400,
    "PUT_api_roles_lists_id: missing": 404,
    "PUT_api_roles_users_id: missing": 404,
    "PUT_api_subscribers_id: e-mail of another": 409,
    "PUT_api_subscribers_lists: add with unknown status": 400,
    "PUT_api_subscribers_query_lists: broken SQL": 400,
    # 500 for requests that are right.
    "GET_api_bounces: by campaign_name": 200,
    "GET_api_campaigns: colon in the query": 200,
    "GET_api_lists: colon in the query": 200,
    "GET_api_lists: parenthesis": 200,
    # The connection dropped.
    "POST_api_logout: api user": 400,
    # 200 for what then is not done, or is done wrong.
    "POST_api_campaigns: unknown list": 400,
    "POST_api_tx: bad sender": 400,
    "PUT_api_templates_id_default: missing": 400,
    # The captcha guards the API's sign-up too, else it would guard nothing.
    "POST_api_public_subscription: captcha is not asked for": 400,
    # listmonk's panel is a page of its own; ours has an address of its own, to which this one leads.
    "GET_admin: session": 302,
}

# Values that are meant to be others, by case: the keys that are not compared.
OTHER_VALUES: dict[str, tuple[str, ...]] = {
    # Numbers are numbers; listmonk counts the kinds it has not got as null.
    "GET_api_dashboard_counts: fresh": (".data.subscribers.blocklisted",),
    # Subjects belong to tx templates: a blank one is not filled with the name.
    "PUT_api_templates_id: ok": (".data.subject",),
    "PUT_api_templates_id: name only": (".data.subject",),
    "PUT_api_templates_id_default: ok": (".data[",),
    "PUT_api_templates_id_default: back": (".data[",),
    "PUT_api_templates_id_default: back again": (".data[",),
    # An export for two lists is empty in listmonk, its header included.
    "GET_api_subscribers_export: two lists": ("columns",),
    # `per_page=all` is everything, not nothing.
    "GET_api_public_archive: per_page=all": (".page", ".per_page"),
    # Whoever is blocklisted leaves every list, by whichever route.
    "PATCH_api_subscribers_id: status blocklisted": (".data.lists[0].subscription_status",),
    # Which rows there are is not part of the recording.
    "GET_api_subscribers: huge per_page": (".data.results:",),
}

# Routes that are not served yet, by the feature that brings them (docs/differences.md, "Not yet").
NOT_YET: dict[str, str] = {}
