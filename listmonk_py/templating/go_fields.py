"""The names of listmonk's template data (contract 6.2) in the context of our templates."""

import re

from listmonk_py.templating.errors import TemplateError

# kind of a value -> Go field -> (our name, kind of the result)
_SUBSCRIBER = {
    "ID": ("id", "data"),
    "UUID": ("uuid", "data"),
    "Email": ("email", "data"),
    "Name": ("name", "data"),
    "FirstName": ("first_name", "data"),
    "LastName": ("last_name", "data"),
    "Status": ("status", "data"),
    "Attribs": ("attribs", "data"),
    "CreatedAt": ("created_at", "time"),
    "UpdatedAt": ("updated_at", "time"),
    "Lists": ("lists", "data"),
}

_CAMPAIGN = {
    name: (ours, "data")
    for name, ours in (
        ("ID", "id"),
        ("UUID", "uuid"),
        ("Name", "name"),
        ("Subject", "subject"),
        ("FromEmail", "from_email"),
        ("Type", "type"),
        ("Status", "status"),
        ("ContentType", "content_type"),
        ("Tags", "tags"),
        ("Headers", "headers"),
        ("Attribs", "attribs"),
        ("TemplateID", "template_id"),
        ("Messenger", "messenger"),
        ("Archive", "archive"),
        ("ArchiveSlug", "archive_slug"),
        ("ArchiveTemplateID", "archive_template_id"),
        ("ArchiveMeta", "archive_meta"),
        ("ToSend", "to_send"),
        ("Sent", "sent"),
        ("Views", "views"),
        ("Clicks", "clicks"),
        ("Bounces", "bounces"),
        ("Lists", "lists"),
        ("Media", "media"),
        ("AltBody", "altbody"),
        ("Body", "body"),
        ("BodySource", "body_source"),
    )
} | {
    name: (ours, "time")
    for name, ours in (
        ("SendAt", "send_at"),
        ("StartedAt", "started_at"),
        ("CreatedAt", "created_at"),
        ("UpdatedAt", "updated_at"),
    )
}

_TX = {
    "Data": ("data", "data"),
    "Subject": ("subject", "data"),
    "FromEmail": ("from_email", "data"),
    "SubscriberEmail": ("subscriber_email", "data"),
    "SubscriberID": ("subscriber_id", "data"),
    "SubscriberEmails": ("subscriber_emails", "data"),
    "SubscriberIDs": ("subscriber_ids", "data"),
    "TemplateID": ("template_id", "data"),
    "Headers": ("headers", "data"),
    "ContentType": ("content_type", "data"),
    "Messenger": ("messenger", "data"),
    "AltBody": ("altbody", "data"),
}

FIELDS = {
    "root": {
        "Subscriber": ("subscriber", "subscriber"),
        "Campaign": ("campaign", "campaign"),
        "Tx": ("tx", "tx"),
    },
    "subscriber": _SUBSCRIBER,
    "campaign": _CAMPAIGN,
    "tx": _TX,
}

_SPOKEN = {"root": "The template", "subscriber": ".Subscriber", "campaign": ".Campaign", "tx": ".Tx"}

# Words that Jinja does not take after a dot, and names with other letters than ASCII.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = frozenset(
    ("and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True", "False")
)

# Keys that a dictionary also has methods of; the engine finds the method when the key is missing.
METHODS = frozenset(("items", "keys", "values", "get", "copy", "mapping"))

TIME_METHODS = frozenset(
    ("Format", "Unix", "Year", "Month", "Day", "Hour", "Minute", "Second", "Weekday", "YearDay", "IsZero")
)


def field_of(kind: str, code: str, name: str, line: int) -> tuple[str, str]:
    """Return the Jinja code of field `name` of the value `code`, and the kind of the result.

    Raises:
        TemplateError: a value of this kind has no such field.
    """
    if kind == "data":
        if name in METHODS:
            return f'go_field({code}, "{name}")', "data"
        if _PLAIN.fullmatch(name) and name not in _RESERVED:
            return f"{code}.{name}", "data"
        return f'{code}["{name}"]', "data"
    known = FIELDS[kind]
    if name not in known:
        raise TemplateError(f"{_SPOKEN[kind]} has no field .{name}. It has: {', '.join(known)}.", line)
    ours, result = known[name]
    return (f"{code}.{ours}" if code else ours), result


def method_of(kind: str, code: str, name: str, arguments: list[str], line: int) -> str:
    """Return the Jinja code that calls method `name` of a point in time.

    Raises:
        TemplateError: there is no such method.
    """
    if kind not in ("time", "data") or name not in TIME_METHODS:
        raise TemplateError(f".{name} takes no arguments: it is no function.", line)
    return "go_time(" + ", ".join([code, f'"{name}"', *arguments]) + ")"
