"""Every environment variable of the product, typed, with a safe default or none.

What an operator may change while the product runs (SMTP servers, rates, privacy) is not here: those
are runtime settings in the database, see `listmonk_py/configuration`. `.env.example` documents each
variable below.
"""

import sys
from pathlib import Path
from urllib.parse import urlsplit

import environ
import structlog
from celery.schedules import schedule
from csp.constants import NONCE, NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.urls import reverse_lazy

from listmonk_py.local import saved

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")

VERSION = "0.1.0"
TESTING = env.bool("TESTING", default="pytest" in sys.modules)

# --- Where things are ------------------------------------------------------------------------------
# Embedded databases, logs, uploads, keys. Everything that must survive is in here or in PostgreSQL.
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / "var"))).resolve()

# Unset: the embedded servers that `manage.py up` runs under DATA_DIR.
DATABASE_URL = env.str("DATABASE_URL", default="") or saved.database_url(DATA_DIR)
REDIS_URL = env.str("REDIS_URL", default="") or saved.redis_url(DATA_DIR)
# A connection that does not pass through a transaction pooler; only LISTEN needs it.
DATABASE_DIRECT_URL = env.str("DATABASE_DIRECT_URL", default="") or DATABASE_URL

# --- Secrets ---------------------------------------------------------------------------------------
# Made in DATA_DIR on first use. SECRET_KEYS: the first signs, the rest still verify.
SECRET_KEYS = env.list("SECRET_KEY", default=[]) or saved.keys(DATA_DIR, "secret_key")
SECRET_KEY = SECRET_KEYS[0]
SECRET_KEY_FALLBACKS = SECRET_KEYS[1:]
# Fernet keys for secrets kept in the database; the first encrypts, all decrypt.
SETTINGS_KEYS = env.list("SETTINGS_KEY", default=[]) or saved.keys(DATA_DIR, "settings_key")

DEBUG = env.bool("DEBUG", default=False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["*"])
# The outside address, when known at start; the runtime setting app.root_url is what mails carry.
ROOT_URL = env.str("ROOT_URL", default="")
# Number of reverse proxies whose X-Forwarded-For is believed.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)
# Private addresses that outbound requests (postback, webhooks, S3) may reach all the same.
OUTBOUND_ALLOW = env.list("OUTBOUND_ALLOW", default=[])
# Who is asked about hCaptcha's tokens: the operator's to change, for a proxy or a service that speaks the same.
HCAPTCHA_URL = env.str("HCAPTCHA_URL", default="https://api.hcaptcha.com/siteverify")
MAX_UPLOAD_MB = env.int("MAX_UPLOAD_MB", default=500)
MAX_BODY_MB = env.int("MAX_BODY_MB", default=20)
# Per web process: requests that Django runs at the same time, and that may wait before 503 is the answer.
WEB_THREADS = env.int("WEB_THREADS", default=8)
WEB_WAITING = env.int("WEB_WAITING", default=256)
# What opens and clicks may take in Redis while the tracker is away; beyond it they are dropped and counted.
TRACKING_STREAM_MB = env.int("TRACKING_STREAM_MB", default=256)
# The bearer token for /metrics; without one, only this machine itself may read them.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")

# --- Django ----------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_celery_beat",
    "anymail",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "csp",
    "django_structlog",
    "listmonk_py.configuration",
    "listmonk_py.accounts",
    "listmonk_py.api",
    "listmonk_py.mail",
    "subscribers",
    "tracking",
    "campaigns",
    "campaigns.engine",
    "campaigns.media",
    "campaigns.archive",
    "campaigns.transactional",
    "bounces",
    "listmonk_py.workplace",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "listmonk_py.workplace.compression.CompressedPages",
    "listmonk_py.api.middleware.BodyLimit",
    "listmonk_py.api.middleware.TrustedOrigins",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "listmonk_py.accounts.locale.staff_locale",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
]

ROOT_URLCONF = "listmonk_py.urls"
WSGI_APPLICATION = "listmonk_py.wsgi.application"
APPEND_SLASH = False  # a trailing slash under /api is another route, as in listmonk: 404

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {
    "default": {
        **env.db_url_config(DATABASE_URL),
        # PgBouncer in transaction mode: no server-side cursors (design.md section 2).
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "CONN_MAX_AGE": env.int("CONN_MAX_AGE", default=60),
        "CONN_HEALTH_CHECKS": True,
    },
}
DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "cache",
    },
}

LANGUAGE_CODE = "en"
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_TZ = True
USE_I18N = True

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "templates" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if TESTING
        else "listmonk_py.workplace.static_files.HashedFiles"
    },
}
WHITENOISE_USE_FINDERS = DEBUG or TESTING
MEDIA_ROOT = DATA_DIR / "uploads"
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_MB * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000

# --- Accounts --------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["listmonk_py.accounts.backends.PermissionBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    # Verifies what a moved listmonk brings (pgcrypto blowfish); rehashed at the first sign-in.
    "django.contrib.auth.hashers.BCryptPasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 8},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/admin/login"
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")
LOGOUT_REDIRECT_URL = "/admin/login"
SESSION_COOKIE_NAME = "session"
SESSION_COOKIE_AGE = 7 * 24 * 3600
SESSION_COOKIE_SAMESITE = "Lax"
# Sessions outlive a Redis restart, and their revocation is a row's deletion.
SESSION_ENGINE = "django.contrib.sessions.backends.db"
ACCOUNT_ADAPTER = "listmonk_py.accounts.adapters.AccountAdapter"
SOCIALACCOUNT_ADAPTER = "listmonk_py.accounts.adapters.SocialAccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_USER_MODEL_EMAIL_FIELD = "email"
ACCOUNT_USER_MODEL_USERNAME_FIELD = "username"
ACCOUNT_RATE_LIMITS = {"login_failed": "10/m/ip,5/5m/key", "reset_password": "10/m/ip,3/5m/key"}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_TOLERANCE = 1  # one step of 30 seconds either way, as in listmonk
MFA_ADAPTER = "listmonk_py.accounts.adapters.MFAAdapter"
USERSESSIONS_TRACK_ACTIVITY = True

# --- Security --------------------------------------------------------------------------------------
_https = urlsplit(ROOT_URL).scheme == "https"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        # Alpine, which the admin theme uses, evaluates expressions; inline scripts need a nonce.
        "script-src": [SELF, UNSAFE_EVAL, NONCE],
        "style-src": [SELF, UNSAFE_INLINE],
        "img-src": [SELF, "data:", "blob:", "https:", "http:"],
        "font-src": [SELF, "data:"],
        "connect-src": [SELF],
        "frame-src": [SELF],
        "frame-ancestors": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
    },
}
X_FRAME_OPTIONS = "SAMEORIGIN"

# --- REST API --------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "listmonk_py.api.authentication.SessionCookie",
        "listmonk_py.api.authentication.ApiTokenHeader",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["listmonk_py.api.permissions.SignedIn"],
    "DEFAULT_RENDERER_CLASSES": ["listmonk_py.api.rendering.Json"],
    "DEFAULT_PARSER_CLASSES": ["listmonk_py.api.parsing.Json"],
    "DEFAULT_SCHEMA_CLASS": "listmonk_py.api.schema.AutoSchema",
    "EXCEPTION_HANDLER": "listmonk_py.api.errors.answer",
    "DEFAULT_THROTTLE_CLASSES": ["listmonk_py.api.throttling.PerToken"],
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "DATETIME_FORMAT": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "listmonk-py",
    "DESCRIPTION": "The REST API: listmonk's protocol, and what listmonk-py adds to it.",
    "VERSION": VERSION,
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api",
    "POSTPROCESSING_HOOKS": [],  # the rooms name their own components (api_shapes.py)
}

# --- Celery ----------------------------------------------------------------------------------------
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "default"
# The lease in PostgreSQL is the truth; a task is a doorbell, so losing or repeating one is harmless.
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "global_keyprefix": "celery:",
    "visibility_timeout": 3600,
    "health_check_interval": 10,
    "socket_keepalive": True,
    "socket_timeout": 30,
    "max_retries": 3,
    "interval_start": 0,
    "interval_step": 0.2,
    "interval_max": 0.5,
}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TIMEZONE = TIME_ZONE
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_ROUTES = {
    "campaigns.engine.tasks.send_batch": {"queue": "campaigns"},
    "campaigns.engine.tasks.scan_campaigns": {"queue": "scan"},
    "campaigns.transactional.tasks.*": {"queue": "transactional"},
    "subscribers.tasks.*": {"queue": "jobs"},
}
# How long a sender may be silent before its batch is somebody else's; renewed three times as often.
ENGINE_LEASE_S = env.float("ENGINE_LEASE_S", default=30.0)
# Rows of django-celery-beat, made by post_migrate with get_or_create (configuration/periodic.py).
BEAT_SCAN = schedule(run_every=1.0)

# --- Logs ------------------------------------------------------------------------------------------
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line"},
        "ring": {"class": "listmonk_py.workplace.log_ring.RingHandler", "formatter": "line"},
    },
    "root": {"handlers": ["console", "ring"], "level": LOG_LEVEL},
    "loggers": {
        "django.server": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},  # a stranger's 404 is no news
        "django_structlog": {"level": "ERROR"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},  # a line a second about the scan
        "celery.worker.strategy": {"level": "WARNING"},
    },
}
# Through the handlers above. structlog's own printer shows every local variable of a traceback: secrets,
# and seconds of formatting.
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.render_to_log_kwargs,
    ],
    wrapper_class=structlog.stdlib.BoundLogger,
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)

# --- Admin -----------------------------------------------------------------------------------------
UNFOLD = {
    "SITE_TITLE": "listmonk-py",
    "SITE_HEADER": "listmonk-py",
    "SITE_SYMBOL": "mail",
    "SITE_URL": "/",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": "listmonk_py.workplace.navigation.favicon"}
    ],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "ENVIRONMENT": None,
    "GLOBAL_CALLBACK": "listmonk_py.workplace.navigation.every_page",
    "DASHBOARD_CALLBACK": "listmonk_py.workplace.dashboard.dashboard_callback",
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": "listmonk_py.workplace.navigation.sidebar",
    },
    "ACCOUNT": {"navigation": "listmonk_py.workplace.navigation.account_links"},
    "COLORS": {
        # Blue, in steps that keep 4.5:1 against white from 600 on.
        "primary": {
            "50": "oklch(97% .014 254.604)",
            "100": "oklch(93.2% .032 255.585)",
            "200": "oklch(88.2% .059 254.128)",
            "300": "oklch(80.9% .105 251.813)",
            "400": "oklch(70.7% .165 254.624)",
            "500": "oklch(62.3% .214 259.815)",
            "600": "oklch(54.6% .245 262.881)",
            "700": "oklch(48.8% .243 264.376)",
            "800": "oklch(42.4% .199 265.638)",
            "900": "oklch(37.9% .146 265.522)",
            "950": "oklch(28.2% .091 267.935)",
        },
    },
    "STYLES": ["listmonk_py.workplace.navigation.stylesheet"],
    "SCRIPTS": ["listmonk_py.workplace.navigation.script"],
}
