"""How settings are laid out for staff: pages, words, and the fields inside objects and lists of objects.

Generated from `registry.FIELDS`; here is only what a key and its default do not say.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from . import languages, runtime
from .entries import ANYMAIL_BACKENDS
from .registry import FIELDS, Field

# Page -> its title, and a sentence about it.
PAGES: Mapping[str, tuple[str, str]] = {
    "general": ("General", "The name, the address and the sender that everything else builds on."),
    "smtp": ("SMTP servers", "The servers that mail leaves through. Several share the work by weight."),
    "messengers": (
        "Other messengers",
        "Providers with an API of their own, and programs that take messages over HTTP.",
    ),
    "performance": (
        "Speed",
        "How fast mail leaves, for the whole installation. Changes act within two seconds.",
    ),
    "engine": ("Sending", "What happens to mail that is refused for now, and after a crash."),
    "privacy": ("Privacy", "What is recorded about subscribers, and what they may do themselves."),
    "bounces": ("Bounces", "Where bounces come from, and what they mean for a subscriber."),
    "uploads": ("Media", "Where uploaded files lie."),
    "security": ("Security", "Single sign-on, captchas and trusted sites."),
    "appearance": ("Appearance", "Your own CSS and JavaScript."),
    "maintenance": ("Maintenance", "What is tidied up by itself."),
}


@dataclass(frozen=True, slots=True)
class Leaf:
    """One input: a whole setting, or a value inside an object or an entry of a list.

    Attributes:
        kind: bool, int, str, text, choice, duration, strings, secret, headers, json, role, list_role, hidden.
        advanced: stands behind "More" in an entry.
    """

    name: str
    kind: str
    label: str
    help: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    low: int | None = None
    high: int | None = None
    advanced: bool = False
    default: Any = None


def _choices(*names: str, **words: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, words.get(name.replace("-", "_"), name)) for name in names)


UUID = Leaf("uuid", "hidden", "")
ENABLED = Leaf("enabled", "bool", "Enabled", default=True)

ALLOWANCE = (
    Leaf(
        "message_rate",
        "int",
        "Messages a second",
        "What the provider allows for all mail together; 0 is no limit.",
        low=0,
        advanced=True,
        default=0,
    ),
    Leaf(
        "sliding_window_rate",
        "int",
        "Messages per window",
        "In any stretch of the window's length, such as a provider's daily quota; 0 is no limit.",
        low=0,
        advanced=True,
        default=0,
    ),
    Leaf("sliding_window_duration", "duration", "Window length", advanced=True, default="24h"),
)
SMTP = (
    UUID,
    ENABLED,
    Leaf("host", "str", "Host", "Such as smtp.example.com."),
    Leaf("port", "int", "Port", low=1, high=65535, default=587),
    Leaf(
        "tls_type",
        "choice",
        "Encryption",
        choices=(("STARTTLS", "STARTTLS (port 587)"), ("TLS", "TLS (port 465)"), ("none", "None")),
        default="STARTTLS",
    ),
    Leaf(
        "auth_protocol",
        "choice",
        "Sign-in",
        choices=(("login", "LOGIN"), ("plain", "PLAIN"), ("cram", "CRAM-MD5"), ("none", "None")),
        default="login",
    ),
    Leaf("username", "str", "User name"),
    Leaf("password", "secret", "Password"),
    Leaf("max_conns", "int", "Connections", "At once, in the whole installation.", low=1, default=10),
    Leaf("weight", "int", "Weight", "Its share of the mail among several servers.", low=1, default=1),
    Leaf("name", "str", "Name", "Campaigns can choose a named server for themselves.", advanced=True),
    Leaf(
        "from_addresses",
        "strings",
        "Only for these senders",
        "Addresses or domains, one per line; empty is any.",
        advanced=True,
    ),
    Leaf("hello_hostname", "str", "Our name in HELO", "Empty: this machine's.", advanced=True),
    Leaf(
        "tls_skip_verify",
        "bool",
        "Accept any certificate",
        "Only for servers in your own network.",
        advanced=True,
    ),
    Leaf("max_msg_retries", "int", "Attempts on another connection", low=0, advanced=True, default=2),
    Leaf("msg_retry_delay", "duration", "Wait before another attempt", advanced=True, default="10ms"),
    Leaf("idle_timeout", "duration", "Close idle connections after", advanced=True, default="15s"),
    Leaf("wait_timeout", "duration", "Wait for a free connection", advanced=True, default="5s"),
    Leaf("email_headers", "headers", "Headers", "One per line, like X-Stream: news.", advanced=True),
    *ALLOWANCE,
)
POSTBACKS = (
    UUID,
    ENABLED,
    Leaf("name", "str", "Name", "Campaigns choose it by this name."),
    Leaf("root_url", "str", "Address", "Gets every message as JSON by POST."),
    Leaf("username", "str", "User name"),
    Leaf("password", "secret", "Password"),
    Leaf("max_conns", "int", "Connections", low=1, default=25),
    Leaf("timeout", "duration", "Give up after", default="5s"),
    Leaf("max_msg_retries", "int", "Attempts", low=0, default=2),
    *ALLOWANCE,
)
PROVIDERS = (
    UUID,
    ENABLED,
    Leaf("name", "str", "Name", "Campaigns choose it by this name."),
    Leaf("backend", "choice", "Provider", choices=_choices(*ANYMAIL_BACKENDS)),
    Leaf("max_conns", "int", "Connections", low=1, default=10),
    Leaf(
        "options",
        "json",
        "Options",
        'What the provider needs, like {"api_key": "..."}. With the secret of its webhook, such as '
        '{"webhook_secret": "user:password"}, its reports are taken at /webhooks/anymail/<provider>/tracking.',
        default={},
    ),
    *ALLOWANCE,
)
MAILBOXES = (
    UUID,
    ENABLED,
    Leaf("type", "choice", "Protocol", choices=(("pop", "POP3"), ("imap", "IMAP")), default="pop"),
    Leaf("host", "str", "Host"),
    Leaf("port", "int", "Port", low=1, high=65535, default=995),
    Leaf(
        "auth_protocol",
        "choice",
        "Sign-in",
        choices=(("userpass", "User name and password"), ("none", "None")),
        default="userpass",
    ),
    Leaf("username", "str", "User name"),
    Leaf("password", "secret", "Password"),
    Leaf("tls_enabled", "bool", "TLS", "From the start; with ports 110 and 143 by STARTTLS.", default=True),
    Leaf("tls_skip_verify", "bool", "Accept any certificate"),
    Leaf(
        "folder",
        "str",
        "Folder",
        "Of IMAP. Mails in it are deleted when they have been read.",
        default="INBOX",
    ),
    Leaf("return_path", "str", "Return path", "The address that bounces come back to."),
    Leaf("scan_interval", "duration", "Look every", default="15m"),
)
DKIM = (
    UUID,
    ENABLED,
    Leaf("domain", "str", "Domain", "Of the From addresses that it signs."),
    Leaf("selector", "str", "Selector", "The DNS record is at selector._domainkey.domain."),
    Leaf("private_key", "secret_text", "Private key", "In PEM form."),
)
ENTRIES: Mapping[str, tuple[Leaf, ...]] = {
    "smtp": SMTP,
    "messengers": POSTBACKS,
    "anymail": PROVIDERS,
    "bounce.mailboxes": MAILBOXES,
    "engine.dkim": DKIM,
}
# What one entry is called, for headings and buttons.
ENTRY_NAMES = {
    "smtp": "SMTP server",
    "messengers": "HTTP messenger",
    "anymail": "provider",
    "bounce.mailboxes": "mailbox",
    "engine.dkim": "DKIM key",
}

# Where an entry is tried out before it is saved, by POST of its fields. SMTP servers have a form of their own.
TRY_URLS: Mapping[str, str] = {"bounce.mailboxes": "/api/settings/mailbox/test"}

# Providers of SMTP: what the form is filled with when one is chosen.
SMTP_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "Amazon SES": {"host": "email-smtp.us-east-1.amazonaws.com", "port": 465, "tls_type": "TLS"},
    "Brevo": {"host": "smtp-relay.brevo.com", "port": 587, "tls_type": "STARTTLS"},
    "Gmail": {"host": "smtp.gmail.com", "port": 465, "tls_type": "TLS"},
    "Mailgun": {"host": "smtp.mailgun.org", "port": 465, "tls_type": "TLS"},
    "Mailjet": {"host": "in-v3.mailjet.com", "port": 587, "tls_type": "STARTTLS"},
    "Microsoft 365": {"host": "smtp.office365.com", "port": 587, "tls_type": "STARTTLS"},
    "Postmark": {"host": "smtp.postmarkapp.com", "port": 587, "tls_type": "STARTTLS"},
    "SendGrid": {"host": "smtp.sendgrid.net", "port": 465, "tls_type": "TLS"},
}

ACTIONS = (
    ("none", "Nothing"),
    ("unsubscribe", "Unsubscribe from the lists"),
    ("blocklist", "Blocklist"),
    ("delete", "Delete the subscriber"),
)
# Words for values inside objects, and kinds that a default does not tell. Last part of a name -> words.
OBJECT_WORDS: Mapping[str, str] = {
    "enabled": "Enabled",
    "client_id": "Client id",
    "client_secret": "Client secret",
    "auto_create_users": "Make users at their first sign-in",
    "trust_unverified_email": "Trust addresses the provider has not verified",
    "default_user_role_id": "Their role",
    "default_list_role_id": "Their list role",
    "shared_secret_header": "Name of the header",
    "vacuum": "Vacuum",
    "vacuum_cron_interval": "When",
    "count": "After how many",
    "action": "Then",
    "window": "Counting the last",
    "key": "Key",
}
OBJECT_KINDS: Mapping[str, str] = {
    "security.oidc/default_user_role_id": "role",
    "security.oidc/default_list_role_id": "list_role",
    "bounce.actions/soft/action": "action",
    "bounce.actions/hard/action": "action",
    "bounce.actions/complaint/action": "action",
    "bounce.actions/soft/window": "duration",
    "bounce.actions/hard/window": "duration",
    "bounce.actions/complaint/window": "duration",
}


def fields_of(page: str) -> list[Field]:
    return [field for field in FIELDS.values() if field.group == page]


def leaf_of(field: Field) -> Leaf:
    """A setting that is one input."""
    if field.key == "app.lang":
        return Leaf(field.key, "choice", field.label, field.help, choices=_languages())
    kind = "secret" if field.secrets == ("",) else field.kind
    return Leaf(
        field.key,
        kind,
        field.label or field.key,
        field.help,
        choices=_choices(*field.choices),
        low=field.low,
        high=field.high,
    )


def _languages() -> tuple[tuple[str, str], ...]:
    """Those there are texts in, and what is stored: a moved listmonk may speak one that we do not."""
    names = {one["code"]: one["name"] for one in languages.available()}
    stored = str(runtime.get("app.lang"))
    return tuple({**names, stored: names.get(stored, f"{stored}: no texts, so English")}.items())


def leaves_inside(field: Field) -> Iterator[Leaf]:
    """The inputs of a setting that is an object; names are paths with slashes."""
    yield from _inside(field, field.default, ())


def _inside(field: Field, value: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[Leaf]:
    for name, default in value.items():
        here = (*path, name)
        if isinstance(default, dict):
            yield from _inside(field, default, here)
        else:
            yield _object_leaf(field, here, default)


def _object_leaf(field: Field, path: tuple[str, ...], default: Any) -> Leaf:
    name = "/".join((field.key, *path))
    words = OBJECT_WORDS.get(path[-1], path[-1].replace("_", " ").capitalize())
    label = f"{path[0].capitalize()}: {words.lower()}" if len(path) > 1 else words
    if ".".join(path) in field.secrets:
        return Leaf(name, "secret", label)
    kind = OBJECT_KINDS.get(name) or _kind_of(default)
    if kind == "action":
        return Leaf(name, "choice", label, choices=ACTIONS)
    return Leaf(name, kind, label)


def _kind_of(default: Any) -> str:
    if isinstance(default, bool):
        return "bool"
    return "int" if isinstance(default, int) else "str"
