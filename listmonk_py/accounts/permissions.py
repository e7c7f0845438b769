"""listmonk's permissions: 28 for user roles, 2 for list roles (contract 10.3); how Django's map to them."""

from typing import Final

SUPER_ADMIN_ROLE_ID: Final = 1

# Group name -> permissions, in the order `GET /api/config` shows them.
GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "lists": ("lists:get_all", "lists:manage_all"),
    "subscribers": (
        "subscribers:get",
        "subscribers:get_all",
        "subscribers:manage",
        "subscribers:import",
        "subscribers:sql_query",
        "tx:send",
    ),
    "campaigns": (
        "campaigns:get",
        "campaigns:get_all",
        "campaigns:get_analytics",
        "campaigns:manage",
        "campaigns:manage_all",
        "campaigns:send",
    ),
    "bounces": ("bounces:get", "bounces:manage", "webhooks:post_bounce"),
    "media": ("media:get", "media:manage"),
    "templates": ("templates:get", "templates:manage"),
    "users": ("users:get", "users:manage", "roles:get", "roles:manage"),
    "settings": ("settings:get", "settings:manage", "settings:maintain"),
}

USER_PERMISSIONS: Final = tuple(name for names in GROUPS.values() for name in names)
LIST_PERMISSIONS: Final = ("list:get", "list:manage")

# Django's `app_label.action_model` -> any of these listmonk permissions is enough. A pair that is not
# here is denied to everybody but the Super Admin (default deny). Which *rows* are seen is another
# question, answered by each queryset's `visible_to(user)`.
_READ_LISTS = ("lists:get_all", "lists:manage_all", "list:get", "list:manage")
_WRITE_LISTS = ("lists:manage_all", "list:manage")
_READ_PEOPLE = ("subscribers:get", "subscribers:get_all")
_READ_CAMPAIGNS = ("campaigns:get", "campaigns:get_all")
_WRITE_CAMPAIGNS = ("campaigns:manage", "campaigns:manage_all")


def _model(
    name: str, *, view: tuple[str, ...], change: tuple[str, ...] = (), add: tuple[str, ...] = ()
) -> dict[str, tuple[str, ...]]:
    app, model = name.split(".")
    table = {f"{app}.view_{model}": view}
    if change:
        table[f"{app}.change_{model}"] = table[f"{app}.delete_{model}"] = change
    if add or change:
        table[f"{app}.add_{model}"] = add or change
    return table


DJANGO: Final[dict[str, tuple[str, ...]]] = {
    **_model("subscribers.list", view=_READ_LISTS, change=_WRITE_LISTS, add=("lists:manage_all",)),
    **_model("subscribers.subscriber", view=_READ_PEOPLE, change=("subscribers:manage",)),
    **_model("subscribers.segment", view=_READ_PEOPLE, change=("subscribers:manage",)),
    **_model("subscribers.importjob", view=("subscribers:import",), change=("subscribers:import",)),
    **_model("campaigns.campaign", view=_READ_CAMPAIGNS, change=_WRITE_CAMPAIGNS),
    **_model("campaigns.template", view=("templates:get",), change=("templates:manage",)),
    **_model("media.media", view=("media:get",), change=("media:manage",)),
    **_model("bounces.bounce", view=("bounces:get",), change=("bounces:manage",)),
    **_model("bounces.asidemail", view=("bounces:get",), change=("bounces:manage",)),
    **_model("accounts.user", view=("users:get",), change=("users:manage",)),
    **_model("accounts.apitoken", view=("users:get",), change=("users:manage",)),
    **_model("accounts.role", view=("roles:get",), change=("roles:manage",)),
    **_model("accounts.listpermission", view=("roles:get",), change=("roles:manage",)),
    **_model("configuration.setting", view=("settings:get",), change=("settings:manage",)),
    **_model("mail.domaingroup", view=("settings:get",), change=("settings:manage",)),
    **_model("engine.batch", view=_READ_CAMPAIGNS),
    **_model("transactional.txmessage", view=("tx:send",)),
    **_model("tracking.link", view=("campaigns:get_analytics",)),
    **_model("django_celery_beat.periodictask", view=("settings:get",), change=("settings:manage",)),
    **_model("django_celery_beat.intervalschedule", view=("settings:get",), change=("settings:manage",)),
    **_model("django_celery_beat.crontabschedule", view=("settings:get",), change=("settings:manage",)),
    **_model("django_celery_beat.clockedschedule", view=("settings:get",), change=("settings:manage",)),
    **_model("django_celery_beat.solarschedule", view=("settings:get",), change=("settings:manage",)),
}
