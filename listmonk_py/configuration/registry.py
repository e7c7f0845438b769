"""Every runtime setting: its key, its default and the kind of value it takes.

Keys and defaults are listmonk's (its settings screen and `GET /api/settings`); those of our own
stand at the end under names that listmonk does not use. Adding a setting: one line here, its
validation in `validation.py` when the kind is not enough, and it appears in the API and the admin.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

Kind = Literal["bool", "int", "str", "text", "choice", "duration", "strings", "object", "array"]


@dataclass(frozen=True, slots=True)
class Field:
    """One setting.

    Attributes:
        key: dotted name, as in the API.
        kind: what values are; `duration` is Go's notation (`15s`, `1h30m`).
        default: the value while no row is stored.
        label: a few words for the admin.
        help: one sentence for the admin.
        low, high: inclusive bounds of an int.
        choices: allowed values of a choice.
        secrets: dotted paths inside the value that are secret; `""` is the value itself, and in an
            array the path applies to each entry.
        group: the tab it belongs to.
        ours: True when listmonk has no such key.
    """

    key: str
    kind: Kind
    default: Any
    label: str = ""
    help: str = ""
    low: int | None = None
    high: int | None = None
    choices: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    group: str = "general"
    ours: bool = False


GENERAL = (
    Field("app.site_name", "str", "Mailing list", "Site name", "The title of public pages and system mails."),
    Field("app.root_url", "str", "http://localhost:9000", "Root URL", "The base of every link in mails."),
    Field("app.logo_url", "str", "", "Logo URL"),
    Field("app.favicon_url", "str", "", "Favicon URL"),
    Field(
        "app.from_email",
        "str",
        "listmonk <noreply@listmonk.yoursite.com>",
        "Default From address",
        "The sender of campaigns that name none, and of system mails.",
    ),
    Field("app.notify_emails", "strings", [], "Notify", "Who hears of finished campaigns and imports."),
    Field("app.enable_public_subscription_page", "bool", True, "Public subscription page"),
    Field("app.send_optin_confirmation", "bool", True, "Send opt-in confirmations"),
    Field("app.show_optin_page", "bool", True, "Ask for a click on the opt-in page"),
    Field("app.enable_public_archive", "bool", True, "Public archive"),
    Field("app.enable_public_archive_rss_content", "bool", True, "Full content in the archive's RSS"),
    Field(
        "app.check_updates",
        "bool",
        True,
        "Check for updates",
        "Kept for compatibility: this installation asks nobody about new versions.",
    ),
    Field(
        "app.lang",
        "str",
        "en",
        "Language",
        "Of public pages and mails, where nothing tells the reader's own.",
    ),
    Field(
        "app.public_lang_auto",
        "bool",
        True,
        "Follow the visitor's browser",
        "Public pages in a language that the browser asks for.",
        ours=True,
    ),
)

PERFORMANCE = (
    Field(
        "app.concurrency", "int", 10, "Concurrency", "With the message rate: messages a second.", 1, 10_000
    ),
    Field("app.message_rate", "int", 10, "Message rate", "Times concurrency: messages a second.", 1, 100_000),
    Field("app.batch_size", "int", 1000, "Batch size", "Kept for compatibility.", 1, 100_000),
    Field(
        "app.max_send_errors", "int", 1000, "Maximum errors", "Pause after as many; 0 is never.", 0, 100_000
    ),
    Field("app.message_sliding_window", "bool", False, "Sliding window limit"),
    Field("app.message_sliding_window_duration", "duration", "1h", "Window length"),
    Field("app.message_sliding_window_rate", "int", 10_000, "Messages per window", "", 1, 10_000_000),
    Field("app.cache_slow_queries", "bool", False, "Cache slow counts"),
    Field(
        "app.cache_slow_queries_interval", "str", "0 3 * * *", "When to refresh them", "A cron expression."
    ),
)

PRIVACY = (
    Field("privacy.disable_tracking", "bool", False, "Disable all tracking"),
    Field("privacy.individual_tracking", "bool", False, "Track individual subscribers"),
    Field("privacy.unsubscribe_header", "bool", True, "List-Unsubscribe headers"),
    Field("privacy.allow_blocklist", "bool", True, "Allow unsubscribing from everything"),
    Field("privacy.allow_preferences", "bool", True, "Allow the preferences page"),
    Field("privacy.allow_export", "bool", True, "Allow exporting one's data"),
    Field("privacy.allow_wipe", "bool", True, "Allow deleting one's data"),
    Field(
        "privacy.exportable",
        "strings",
        ["profile", "subscriptions", "campaign_views", "link_clicks"],
        "Exported parts",
    ),
    Field("privacy.record_optin_ip", "bool", False, "Record the address of an opt-in"),
    Field("privacy.domain_blocklist", "strings", [], "Refused domains"),
    Field("privacy.domain_allowlist", "strings", [], "Only these domains"),
)

SECURITY = (
    Field(
        "security.oidc",
        "object",
        {
            "enabled": False,
            "provider_url": "",
            "provider_name": "",
            "client_id": "",
            "client_secret": "",
            "auto_create_users": False,
            # Ours: some providers never tell whether they have verified an address.
            "trust_unverified_email": False,
            "default_user_role_id": None,
            "default_list_role_id": None,
        },
        "Single sign-on (OIDC)",
        secrets=("client_secret",),
    ),
    Field(
        "security.captcha",
        "object",
        {
            "altcha": {"enabled": False, "complexity": 300_000},
            "hcaptcha": {"enabled": False, "key": "", "secret": ""},
        },
        "Captcha on public forms",
        secrets=("hcaptcha.secret",),
    ),
    Field("security.trusted_urls", "strings", [], "Trusted URLs", "Origins for CORS, and allowed redirects."),
)

UPLOADS = (
    Field("upload.provider", "choice", "filesystem", "Provider", choices=("filesystem", "s3")),
    Field("upload.extensions", "strings", ["jpg", "jpeg", "png", "gif", "svg", "*"], "Extensions"),
    Field("upload.max_file_size", "int", 5000, "Largest file (kB)", "", 1, 10_000_000),
    Field("upload.filesystem.upload_path", "str", "uploads", "Folder"),
    Field("upload.filesystem.upload_uri", "str", "/uploads", "URI"),
    Field("upload.s3.url", "str", "https://ap-south-1.s3.amazonaws.com", "S3 endpoint"),
    Field("upload.s3.public_url", "str", "", "Public URL"),
    Field("upload.s3.aws_access_key_id", "str", "", "Access key"),
    Field("upload.s3.aws_secret_access_key", "str", "", "Secret key", secrets=("",)),
    Field("upload.s3.aws_default_region", "str", "ap-south-1", "Region"),
    Field("upload.s3.bucket", "str", "", "Bucket"),
    Field("upload.s3.bucket_domain", "str", "", "Bucket domain", "Kept for compatibility."),
    Field("upload.s3.bucket_path", "str", "/", "Path in the bucket"),
    Field("upload.s3.bucket_type", "choice", "public", "Bucket type", choices=("public", "private")),
    Field("upload.s3.expiry", "duration", "167h", "Signed links live"),
)


def smtp_server(**values: Any) -> dict[str, Any]:
    """One entry of the `smtp` setting, with listmonk's defaults for what is not given."""
    entry = {
        "name": "",
        "uuid": "",
        "enabled": True,
        "host": "",
        "hello_hostname": "",
        "port": 587,
        "auth_protocol": "login",
        "username": "",
        "password": "",
        "email_headers": [],
        "from_addresses": [],
        "max_conns": 10,
        "max_msg_retries": 2,
        "msg_retry_delay": "10ms",
        "idle_timeout": "15s",
        "wait_timeout": "5s",
        "tls_type": "STARTTLS",
        "tls_skip_verify": False,
        "weight": 1,
        "message_rate": 0,
        "sliding_window_rate": 0,
        "sliding_window_duration": "24h",
    }
    return {**entry, **values}


SENDING = (
    Field("smtp", "array", [], "SMTP servers", secrets=("password",), group="smtp"),
    Field("messengers", "array", [], "HTTP messengers", secrets=("password",), group="messengers"),
    Field("anymail", "array", [], "Provider APIs", secrets=("options",), group="messengers", ours=True),
)

BOUNCES = (
    Field("bounce.enabled", "bool", False, "Process bounces"),
    Field("bounce.webhooks_enabled", "bool", False, "Bounce webhooks"),
    Field(
        "bounce.actions",
        "object",
        {
            "soft": {"count": 2, "action": "none", "window": ""},
            "hard": {"count": 1, "action": "blocklist", "window": ""},
            "complaint": {"count": 1, "action": "blocklist", "window": ""},
        },
        "What a bounce means",
        "With a window such as 720h only bounces that young are counted; empty counts all.",
    ),
    Field("bounce.ses_enabled", "bool", False, "Amazon SES"),
    Field(
        "bounce.azure",
        "object",
        {"enabled": False, "shared_secret": "", "shared_secret_header": "X-Listmonk-Webhook-Secret"},
        "Azure",
        secrets=("shared_secret",),
    ),
    Field("bounce.sendgrid_enabled", "bool", False, "SendGrid"),
    Field("bounce.sendgrid_key", "str", "", "SendGrid's public key", secrets=("",)),
    Field(
        "bounce.postmark",
        "object",
        {"enabled": False, "username": "", "password": ""},
        "Postmark",
        secrets=("password",),
    ),
    Field("bounce.forwardemail", "object", {"enabled": False, "key": ""}, "Forward Email", secrets=("key",)),
    Field("bounce.lettermint", "object", {"enabled": False, "key": ""}, "Lettermint", secrets=("key",)),
    Field("bounce.mailboxes", "array", [], "Mailboxes", secrets=("password",)),
)

APPEARANCE = (
    Field("appearance.admin.custom_css", "text", "", "Admin CSS"),
    Field("appearance.admin.custom_js", "text", "", "Admin JavaScript"),
    Field("appearance.public.custom_css", "text", "", "Public CSS"),
    Field("appearance.public.custom_js", "text", "", "Public JavaScript"),
)

MAINTENANCE = (
    Field("maintenance.db", "object", {"vacuum": False, "vacuum_cron_interval": "0 2 * * *"}, "Database"),
)

# What listmonk has no word for.
OURS = (
    Field(
        "engine.in_doubt",
        "choice",
        "resend",
        "After a crash",
        "Send those in doubt once more, flagged as possible duplicates, or hold them for staff.",
        choices=("resend", "hold"),
    ),
    Field("engine.max_attempts", "int", 8, "Attempts on deferred mail", "", 1, 50),
    Field("engine.retry_total", "duration", "24h", "Retry deferred mail for"),
    Field("engine.retry_base", "duration", "5m", "First retry after"),
    Field("engine.server_down_after", "duration", "15m", "Pause when no server answers for"),
    Field(
        "engine.ledger_retention_days", "int", 0, "Keep delivery records (days)", "0 keeps all.", 0, 10_000
    ),
    Field("engine.dkim", "array", [], "DKIM keys", secrets=("private_key",)),
    Field("bounce.window_days", "int", 0, "Count bounces of the last days", "0 counts all.", 0, 3650),
    Field("api.rate_limit", "int", 0, "API requests per token and minute", "0 is no limit.", 0, 1_000_000),
    Field("auth.login_attempts", "int", 10, "Failed sign-ins per minute", "", 1, 1000),
)


def _grouped(group: str, fields: Iterable[Field]) -> list[Field]:
    return [replace(field, group=group) for field in fields]


FIELDS: dict[str, Field] = {
    field.key: field
    for field in (
        *GENERAL,
        *_grouped("performance", PERFORMANCE),
        *_grouped("privacy", PRIVACY),
        *_grouped("security", SECURITY),
        *_grouped("uploads", UPLOADS),
        *SENDING,
        *_grouped("bounces", BOUNCES),
        *_grouped("appearance", APPEARANCE),
        *_grouped("maintenance", MAINTENANCE),
        *(replace(field, ours=True) for field in _grouped("engine", OURS)),
    )
}
