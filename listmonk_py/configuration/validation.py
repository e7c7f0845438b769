"""What staff may store: every rule about settings, alone and together (contract 9.11).

`checked` takes what was sent and returns what may be stored, or raises `Invalid` with the key and a
sentence. Values arrive with secrets in clear, blank or masked; see `secrets.keep_unchanged`.
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.apps import apps

from . import entries, runtime, values
from .registry import FIELDS, Field
from .values import Check, Invalid

_BY_KIND: dict[str, Callable[[Field], Check]] = {
    "bool": lambda field: values.boolean,
    "int": lambda field: values.integer(field.low, field.high),
    "str": lambda field: values.text(),
    "text": lambda field: values.text(longest=values.MAX_LONG_TEXT, one_line=False),
    "choice": lambda field: values.choice(*field.choices),
    "duration": lambda field: values.duration,
    "strings": lambda field: values.strings(),
    "object": lambda field: entries.OBJECTS[field.key],
    "array": lambda field: entries.ARRAYS[field.key],
}


def root_url(value: Any, where: str) -> str:
    url: str = values.web_url(blank=False, only_origin_and_path=True)(value, where)
    return url.rstrip("/")


def from_address(value: Any, where: str) -> str:
    """`Name <a@b>` or `a@b`; the letter checks it fully when it is compiled."""
    address: str = values.text(blank=False)(value, where)
    if "@" not in address.strip("<>@ "):
        raise Invalid(where, "must be an address like News <news@example.com>.")
    return address


def email_item(value: Any, where: str) -> str:
    address: str = values.text(longest=1000)(value, where)
    if address and "@" not in address.strip("@"):
        raise Invalid(where, f"{address!r} is not an e-mail address.")
    return address


def domain(value: Any, where: str) -> str:
    return str(values.text()(value, where)).lower().lstrip("@")


def extension(value: Any, where: str) -> str:
    return str(values.text()(value, where)).lower().lstrip(".")


def trusted_url(value: Any, where: str) -> str:
    url: str = values.text()(value, where)
    if url and url != "*" and not values.is_web_url(url):
        raise Invalid(where, f"{url!r} must be a complete http:// or https:// address, or * alone.")
    return url


def upload_uri(value: Any, where: str) -> str:
    uri: str = values.text(blank=False)(value, where)
    path = urlsplit(uri).path
    if not uri.startswith("/") or ".." in path or path.strip("/") == "":
        raise Invalid(where, "must be a path that starts with /, such as /uploads.")
    return "/" + uri.strip("/")


def s3_public_url(value: Any, where: str) -> str:
    """A web URL, or a path that this server passes on."""
    url: str = values.text()(value, where)
    if url and not url.startswith("/") and not values.is_web_url(url):
        raise Invalid(where, "must be a complete address, or a path that starts with /.")
    return url.rstrip("/")


def language(value: Any, where: str) -> str:
    code: str = values.text(longest=6, blank=False)(value, where)
    if not code.replace("-", "").replace("_", "").isalnum():
        raise Invalid(where, "must be a language code such as en or pt-BR.")
    return code


SPECIAL: dict[str, Check] = {
    "app.root_url": root_url,
    "app.logo_url": values.web_url(),
    "app.favicon_url": values.web_url(),
    "app.from_email": from_address,
    "app.notify_emails": values.strings(email_item),
    "app.lang": language,
    "app.message_sliding_window_duration": values.at_least(values.duration, "1s"),
    "privacy.exportable": values.strings(
        values.choice("profile", "subscriptions", "campaign_views", "link_clicks")
    ),
    "privacy.domain_blocklist": values.strings(domain),
    "privacy.domain_allowlist": values.strings(domain),
    "security.trusted_urls": values.strings(trusted_url),
    "upload.extensions": values.strings(extension),
    "upload.filesystem.upload_uri": upload_uri,
    "upload.s3.url": values.web_url(),
    "upload.s3.public_url": s3_public_url,
}


def check_one(key: str, value: Any) -> Any:
    """The value of one known key in its stored form.

    Raises:
        Invalid: it cannot be stored.
    """
    field = FIELDS[key]
    check = SPECIAL.get(key) or _BY_KIND[field.kind](field)
    return check(value, key)


def checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """What may be stored of `given`; keys that nobody knows are left out, as in listmonk.

    Rules that join settings look at what is stored for those that are not given.

    Raises:
        Invalid: the first value that cannot be stored. Nothing has been written.
    """
    result = {key: check_one(key, value) for key, value in given.items() if key in FIELDS}
    whole = {**runtime.all_values(), **result}
    for rule in RULES:
        rule(result, whole)
    return result


def _an_smtp_server_is_enabled(given: dict[str, Any], whole: dict[str, Any]) -> None:
    if "smtp" not in given:
        return
    enabled = [server for server in given["smtp"] if server["enabled"]]
    for i, server in enumerate(given["smtp"]):
        if server["enabled"] and not server["host"]:
            raise Invalid(f"smtp[{i}].host", "must not be blank while the server is enabled.")
    if not enabled and not any(one.get("enabled") for one in whole["anymail"]):
        raise Invalid("smtp", "at least one SMTP server must be enabled, or no mail can leave.")


def _messenger_names_differ(given: dict[str, Any], whole: dict[str, Any]) -> None:
    if not given.keys() & {"smtp", "messengers", "anymail"}:
        return
    names = [
        entry["name"]
        for key in ("smtp", "messengers", "anymail")
        for entry in whole[key]
        if entry.get("name")
    ]
    values.unique(names, "messengers")


def _enabled_messengers_have_a_url(given: dict[str, Any], whole: dict[str, Any]) -> None:
    for i, messenger in enumerate(given.get("messengers", ())):
        if messenger["enabled"] and not messenger["root_url"]:
            raise Invalid(f"messengers[{i}].root_url", "must not be blank while the messenger is enabled.")


def _enabled_mailboxes_have_a_host(given: dict[str, Any], whole: dict[str, Any]) -> None:
    for i, mailbox in enumerate(given.get("bounce.mailboxes", ())):
        if mailbox["enabled"] and not mailbox["host"]:
            raise Invalid(f"bounce.mailboxes[{i}].host", "must not be blank while the mailbox is enabled.")


def _cron_is_readable_when_used(given: dict[str, Any], whole: dict[str, Any]) -> None:
    key = "app.cache_slow_queries_interval"
    if (key in given or "app.cache_slow_queries" in given) and whole["app.cache_slow_queries"]:
        values.cron(whole[key], key)


def _single_sign_on_is_complete(given: dict[str, Any], whole: dict[str, Any]) -> None:
    oidc = given.get("security.oidc")
    if not oidc:
        return
    if oidc["enabled"] and not (oidc["provider_url"] and oidc["client_id"]):
        raise Invalid("security.oidc", "provider_url and client_id are needed while it is enabled.")
    if oidc["auto_create_users"] and not oidc["default_user_role_id"]:
        raise Invalid("security.oidc.default_user_role_id", "is needed to make users automatically.")
    for name, kind in (("default_user_role_id", "user"), ("default_list_role_id", "list")):
        if oidc[name] and not _role_exists(oidc[name], kind):
            raise Invalid(f"security.oidc.{name}", f"there is no {kind} role {oidc[name]}.")


def _role_exists(pk: int, kind: str) -> bool:
    return bool(apps.get_model("accounts", "Role").objects.filter(pk=pk, type=kind).exists())


RULES = (
    _an_smtp_server_is_enabled,
    _messenger_names_differ,
    _enabled_messengers_have_a_url,
    _enabled_mailboxes_have_a_host,
    _cron_is_readable_when_used,
    _single_sign_on_is_complete,
)
