"""Checks for settings that are objects, or lists of objects such as SMTP servers (contract 9.6 - 9.8)."""

import re
import uuid
from collections.abc import Mapping
from typing import Any

from . import secrets, values
from .values import Check, Invalid

SMTP_PREFIX = "email-"
RESERVED_MESSENGER = "email"
NOT_IN_NAMES = re.compile(r"[^a-z0-9-]+")
HEADER_NAME = re.compile(r"[!-9;-~]+")
# What Anymail 15 can send through, by the name of its backend module.
ANYMAIL_BACKENDS = (
    "amazon_ses",
    "brevo",
    "mailersend",
    "mailgun",
    "mailjet",
    "mailtrap",
    "mandrill",
    "postal",
    "postmark",
    "resend",
    "scaleway",
    "sendgrid",
    "sparkpost",
    "unisender_go",
)


def slug(name: str) -> str:
    """listmonk's messenger names: lower case, `[a-z0-9-]`, other runs become one dash."""
    return NOT_IN_NAMES.sub("-", name.strip().lower()).strip("-")


def record(checks: Mapping[str, Check], defaults: Mapping[str, Any]) -> Check:
    """An object: known fields are checked, missing ones take their default, unknown ones are dropped."""

    def check(value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Invalid(where, "must be an object.")
        return {
            name: one(value[name] if value.get(name) is not None else defaults.get(name), f"{where}.{name}")
            for name, one in checks.items()
        }

    return check


def records(one: Check) -> Check:
    def check(value: Any, where: str) -> list[dict[str, Any]]:
        if value is None:
            value = []
        if not isinstance(value, list):
            raise Invalid(where, "must be a list of objects.")
        checked = [one(entry, f"{where}[{i}]") for i, entry in enumerate(value)]
        uuids = [entry["uuid"] for entry in checked if entry.get("uuid")]
        if len(set(uuids)) != len(uuids):
            raise Invalid(where, "two entries have the same uuid. Leave it blank for new entries.")
        return checked

    return check


def entry_uuid(value: Any, where: str) -> str:
    """The entry's identity; a blank one is new and gets one."""
    if not value:
        return str(uuid.uuid4())
    try:
        return str(uuid.UUID(value))
    except (ValueError, TypeError, AttributeError):
        raise Invalid(where, "must be a UUID, or blank for a new entry.") from None


def headers(value: Any, where: str) -> list[dict[str, str]]:
    """`[{"X-Name": "value"}, ...]`; names and values that could break a message are refused."""
    if value is None:
        value = []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise Invalid(where, 'must be a list like [{"X-Name": "value"}].')
    kept = []
    for i, one in enumerate(value):
        for name, content in one.items():
            if not HEADER_NAME.fullmatch(name):
                raise Invalid(f"{where}[{i}]", f"{name!r} cannot be the name of a header.")
            values.text()(content, f"{where}[{i}].{name}")
        kept.append({name: content.strip() for name, content in one.items()})
    return kept


def _host(value: Any, where: str) -> str:
    host: str = values.text()(value, where)
    if re.search(r"[\s/@]", host):
        raise Invalid(where, "must be the name or address of a server, without http:// or spaces.")
    return host


def _smtp_name(value: Any, where: str) -> str:
    name = slug(values.text()(value, where)).removeprefix(SMTP_PREFIX)
    return f"{SMTP_PREFIX}{name}" if name and name != RESERVED_MESSENGER else ""


def _messenger_name(value: Any, where: str) -> str:
    name = slug(values.text()(value, where))
    if not name:
        raise Invalid(where, "must not be blank. Use letters, digits and dashes.")
    if name == RESERVED_MESSENGER:
        raise Invalid(where, "the name 'email' is taken by the SMTP servers. Choose another.")
    return name


def _options(value: Any, where: str) -> dict[str, Any]:
    """Texts, numbers and flags by name, or one level of objects of them, such as `client_params` of Amazon."""
    if not isinstance(value, dict):
        raise Invalid(where, "must be an object of texts, such as the provider's api_key.")
    checked = {values.text()(name, where): one for name, one in value.items()}
    for name, one in checked.items():
        for inner in one.values() if isinstance(one, dict) else [one]:
            if not isinstance(inner, str | int | bool):
                raise Invalid(f"{where}.{name}", "must be text, a number, true or false.")
    password = checked.get("webhook_secret")
    if password and ":" not in str(password) and not secrets.is_mask(password):
        raise Invalid(f"{where}.webhook_secret", 'must be a user name and a password, like "hooks:s3cret".')
    return checked


_flag = values.boolean
_text = values.text()
_secret = values.text(longest=5000)

# What the server or provider allows; 0 is no limit (see `listmonk_py.mail.allowances`).
_ALLOWANCE_DEFAULTS: dict[str, Any] = {
    "message_rate": 0,
    "sliding_window_rate": 0,
    "sliding_window_duration": "24h",
}
_ALLOWANCE: dict[str, Check] = {
    "message_rate": values.integer(0, 1_000_000),
    "sliding_window_rate": values.integer(0, 1_000_000_000),
    "sliding_window_duration": values.at_least(values.duration, "1s"),
}

SMTP_DEFAULTS: dict[str, Any] = {
    "enabled": False,
    "port": 587,
    "auth_protocol": "none",
    "max_conns": 10,
    "max_msg_retries": 2,
    "msg_retry_delay": "10ms",
    "idle_timeout": "15s",
    "wait_timeout": "5s",
    "tls_type": "none",
    "tls_skip_verify": False,
    "weight": 1,
    **_ALLOWANCE_DEFAULTS,
}
smtp_server: Check = record(
    {
        "name": _smtp_name,
        "uuid": entry_uuid,
        "enabled": _flag,
        "host": _host,
        "hello_hostname": _host,
        "port": values.integer(1, 65535),
        "auth_protocol": values.choice("login", "cram", "plain", "none"),
        "username": _text,
        "password": _secret,
        "email_headers": headers,
        "from_addresses": values.strings(lambda value, where: _text(value, where).lower()),
        "max_conns": values.integer(1, 65535),
        "max_msg_retries": values.integer(0, 1000),
        "msg_retry_delay": values.duration,
        "idle_timeout": values.duration,
        "wait_timeout": values.duration,
        "tls_type": values.choice("none", "STARTTLS", "TLS"),
        "tls_skip_verify": _flag,
        "weight": values.integer(1, 1000),
        **_ALLOWANCE,
    },
    SMTP_DEFAULTS,
)

postback: Check = record(
    {
        "uuid": entry_uuid,
        "enabled": _flag,
        "name": _messenger_name,
        "root_url": values.web_url(),
        "username": _text,
        "password": _secret,
        "max_conns": values.integer(1, 10_000),
        "timeout": values.duration,
        "max_msg_retries": values.integer(0, 1000),
        **_ALLOWANCE,
    },
    {"enabled": False, "max_conns": 25, "timeout": "5s", "max_msg_retries": 2, **_ALLOWANCE_DEFAULTS},
)

provider: Check = record(
    {
        "uuid": entry_uuid,
        "enabled": _flag,
        "name": _messenger_name,
        "backend": values.choice(*ANYMAIL_BACKENDS),
        "options": _options,
        "max_conns": values.integer(1, 10_000),
        **_ALLOWANCE,
    },
    {"enabled": False, "options": {}, "max_conns": 10, **_ALLOWANCE_DEFAULTS},
)

mailbox: Check = record(
    {
        "uuid": entry_uuid,
        "enabled": _flag,
        "type": values.choice("pop", "imap"),
        "host": _host,
        "port": values.integer(1, 65535),
        "auth_protocol": values.choice("userpass", "none"),
        "return_path": _text,
        "username": _text,
        "password": _secret,
        "tls_enabled": _flag,
        "tls_skip_verify": _flag,
        "folder": _text,
        "scan_interval": values.at_least(values.duration, "1m"),
    },
    {
        "enabled": False,
        "type": "pop",
        "port": 995,
        "auth_protocol": "userpass",
        "tls_enabled": True,
        "tls_skip_verify": False,
        "folder": "INBOX",
        "scan_interval": "15m",
    },
)

dkim_key: Check = record(
    {
        "uuid": entry_uuid,
        "enabled": _flag,
        "domain": _host,
        "selector": values.text(blank=False),
        "private_key": values.text(longest=20_000, one_line=False),
    },
    {"enabled": True},
)


def _uniquely_named(check: Check) -> Check:
    def checked(value: Any, where: str) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = check(value, where)
        values.unique([entry["name"] for entry in entries if entry["name"]], where)
        return entries

    return checked


smtp: Check = _uniquely_named(records(smtp_server))
messengers: Check = _uniquely_named(records(postback))
providers: Check = _uniquely_named(records(provider))
mailboxes: Check = records(mailbox)
dkim: Check = records(dkim_key)


def _blank_or(check: Check) -> Check:
    def checked(value: Any, where: str) -> Any:
        return "" if isinstance(value, str) and not value.strip() else check(value, where)

    return checked


_bounce_action = record(
    {
        "count": values.integer(1, 1000),
        "action": values.choice("none", "unsubscribe", "blocklist", "delete"),
        # Blank counts all, or those of the last `bounce.window_days`.
        "window": _blank_or(values.at_least(values.duration, "1m")),
    },
    {"count": 1, "action": "none", "window": ""},
)
_ACTION_DEFAULTS: dict[str, Any] = {"count": 1, "action": "none", "window": ""}

# Object settings: key -> check.
OBJECTS: dict[str, Check] = {
    "bounce.actions": record(
        dict.fromkeys(("soft", "hard", "complaint"), _bounce_action),
        dict.fromkeys(("soft", "hard", "complaint"), _ACTION_DEFAULTS),
    ),
    "bounce.azure": record(
        {"enabled": _flag, "shared_secret": _secret, "shared_secret_header": _text}, {"enabled": False}
    ),
    "bounce.postmark": record({"enabled": _flag, "username": _text, "password": _secret}, {"enabled": False}),
    "bounce.forwardemail": record({"enabled": _flag, "key": _secret}, {"enabled": False}),
    "bounce.lettermint": record({"enabled": _flag, "key": _secret}, {"enabled": False}),
    "maintenance.db": record(
        {"vacuum": _flag, "vacuum_cron_interval": values.cron},
        {"vacuum": False, "vacuum_cron_interval": "0 2 * * *"},
    ),
    "security.captcha": record(
        {
            "altcha": record(
                {"enabled": _flag, "complexity": values.integer(1000, 1_000_000)},
                {"enabled": False, "complexity": 300_000},
            ),
            "hcaptcha": record({"enabled": _flag, "key": _text, "secret": _secret}, {"enabled": False}),
        },
        {"altcha": {}, "hcaptcha": {}},
    ),
    "security.oidc": record(
        {
            "enabled": _flag,
            "provider_url": values.web_url(),
            "provider_name": _text,
            "client_id": _text,
            "client_secret": _secret,
            "auto_create_users": _flag,
            "trust_unverified_email": _flag,
            "default_user_role_id": values.one_of_ids,
            "default_list_role_id": values.one_of_ids,
        },
        {"enabled": False, "auto_create_users": False, "trust_unverified_email": False},
    ),
}

ARRAYS: dict[str, Check] = {
    "smtp": smtp,
    "messengers": messengers,
    "anymail": providers,
    "bounce.mailboxes": mailboxes,
    "engine.dkim": dkim,
}
