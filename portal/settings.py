"""Every setting beside its environment variable; the safe value is the default."""

import contextlib
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from environ import FileAwareEnv

from portal import embedded

env = FileAwareEnv()
BASE_DIR = Path(__file__).resolve().parent.parent
if (BASE_DIR / ".env").exists():
    env.read_env(BASE_DIR / ".env")

TESTING = "pytest" in sys.modules
# «make up» leaves here what commands in another terminal need to find its demo.
if not TESTING and embedded.DATABASE_PART in embedded.needed():
    with contextlib.suppress(FileNotFoundError):
        env.read_env(embedded.demo_file())

# Where it serves
DEBUG: bool = env.bool("DEBUG", default=False)
# DEMO signs in the demo's people and talks to the sandbox over plain http; loopback only.
DEMO: bool = env.bool("DEMO", default=False)
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
LOOPBACK = {"localhost", "127.0.0.1", "[::1]", "testserver"}
if DEMO and not set(ALLOWED_HOSTS) <= LOOPBACK:
    raise ImproperlyConfigured(
        "DEMO signs people in with a published password, so it runs on loopback only: "
        "take DEMO away, or leave ALLOWED_HOSTS at localhost."
    )
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# While an operator works on it, every page says so.
MAINTENANCE: bool = env.bool("MAINTENANCE", default=False)
PUBLIC_URL: str = env.str("PUBLIC_URL", default="http://localhost:8000")

# Secrets
OWN_SERVERS = embedded.DATABASE_PART in embedded.needed()


def _secret(name: str, where: str) -> str:
    value: str = env.str(name, default="")
    if value:
        return value
    if OWN_SERVERS or DEMO or TESTING:
        return embedded.secret(where)
    raise ImproperlyConfigured(
        f"{name} is not set. Give it a long random value, in the environment or by {name}_FILE."
    )


SECRET_KEY = _secret("SECRET_KEY", "secret_key")
SHORTEST_KEY = 32
# Comma-separated, newest first; the first encrypts, all of them decrypt.
ENCRYPTION_KEYS = [key.strip() for key in _secret("ENCRYPTION_KEYS", "encryption_key").split(",")]
if any(len(key) < SHORTEST_KEY for key in ENCRYPTION_KEYS):
    raise ImproperlyConfigured(
        f"Each of ENCRYPTION_KEYS must have at least {SHORTEST_KEY} random characters."
    )

# Database: a role that owns nothing, and the owner that migrates
_app = env.str("DATABASE_URL", default="") or embedded.database_url(embedded.APP)
_owner = env.str("DATABASE_OWNER_URL", default="") or (
    embedded.database_url(embedded.OWNER) if OWN_SERVERS else _app
)


def _database(url: str) -> dict[str, Any]:
    parsed: dict[str, Any] = env.db_url_config(url)
    options = parsed.setdefault("OPTIONS", {})
    if "host" in options:  # postgresql://role@/name?host=/folder
        parsed["HOST"] = options.pop("host")
    parsed["ENGINE"] = "portal.postgresql"
    parsed["CONN_MAX_AGE"] = env.int("DATABASE_CONNECTION_SECONDS", default=60)
    parsed["CONN_HEALTH_CHECKS"] = True
    return parsed


DATABASES = {"default": _database(_app), "owner": _database(_owner)}
# Who brings the tables up to date sees all rows, though the policies hold for the owner too.
DATABASES["owner"]["OPTIONS"]["options"] = "-c portal.everywhere=on"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Broker and jobs
BROKER_URL: str = env.str("BROKER_URL", default="") or embedded.broker_url()
CELERY_BROKER_URL = BROKER_URL
CELERY_TASK_IGNORE_RESULT = True
# A task is taken off the queue only when it is done, so a killed worker loses none.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Longer than the longest task: redelivery is only for messages whose worker died.
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 6 * 3600}
CELERY_BEAT_SCHEDULE_FILENAME = str(embedded.FOLDER / "beat-schedule")
# Task: seconds. The message is a hint; what is due is read from the database each time, and one
# that nobody took before the next is of no use.
_EVERY = {
    "terminals.feed_changes": 2,
    "merchants.send_due_operations": 5,
    "transactions.look_at_due": 5,
    "merchants.sync_due": 10,
    "merchants.send_letters": 15,
    "merchants.seal_trail": 20,
    "merchants.sweep_runs": 30,
    "merchants.move_due_days": 30,
    "reports.make_due": 10,
    "reports.tend": 15,
    "reports.note_alerts": 300,
    "transactions.tell_usual_hours": 300,
    "merchants.forget_keys": 3600,
    "merchants.send_digests": 3600,
    "terminals.forget_files": 6 * 3600,
    "reports.forget_files": 3600,
    "transactions.let_go": 6 * 3600,
}
CELERY_BEAT_SCHEDULE = {
    task: {"task": task, "schedule": float(seconds), "options": {"expires": min(seconds, 3600)}}
    for task, seconds in _EVERY.items()
}
# How often an account is read, and how far back each read looks again (late reversals).
SYNC_EVERY_SECONDS: int = env.int("SYNC_EVERY_SECONDS", default=300)
SYNC_WINDOW_HOURS: int = env.int("SYNC_WINDOW_HOURS", default=72)
SYNC_DEEP_WINDOW_DAYS: int = env.int("SYNC_DEEP_WINDOW_DAYS", default=35)
# Requests under way at once for one account.
SYNC_FETCHERS: int = env.int("SYNC_FETCHERS", default=4)

# Providers
# host[:port], added to the connectors' own hosts as what an account's base_url may name.
PROVIDER_HOSTS: list[str] = env.list("PROVIDER_HOSTS", default=[])

# Applications
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "django_filters",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "portal",
    "merchants",
    "terminals",
    "transactions",
    "settlements",
    "reports",
    "template_partials",  # last, so that it wraps the loaders of all the others
]
MIDDLEWARE = [
    "portal.middleware.only_here",
    "portal.middleware.unscoped",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "portal.middleware.language",
    "portal.middleware.maintained",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "merchants.middleware.sessions",
    "merchants.middleware.membership",
    "merchants.middleware.second_factor",
    "allauth.account.middleware.AccountMiddleware",
    "portal.middleware.lost",
    "portal.middleware.private",
]
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
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
                "portal.pages.frame",
            ],
            "builtins": ["portal.templatetags.show", "template_partials.templatetags.partials"],
        },
    }
]
AUTH_USER_MODEL = "merchants.User"
LOGIN_URL = ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
ACCOUNT_ADAPTER = "merchants.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
# An invitation goes to the address, so whoever has joined has it.
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_NOTIFICATIONS = True
# A mail to a stranger who has no sign-in would be a way to write to anybody.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_FORMS = {"change_password": "merchants.adapters.ChangePassword"}
ACCOUNT_EMAIL_SUBJECT_PREFIX = "Merchant Portal: "
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_LOGOUT_ON_GET = False
# PCI DSS 4, 8.3.4: ten failures close an e-mail, and an address, for half an hour.
ACCOUNT_RATE_LIMITS = {
    "login": "60/m/ip",
    "login_failed": "10/30m/key",
    "from_address": "10/30m/ip",
    "reset_password": "20/h/ip,3/h/key",
    "reauthenticate": "20/m/user",
    "change_password": "10/m/user",
}
# How often anybody may ask whether a merchant took a payment: by address, and of a merchant.
CHECK_LIMITS = "10/m/ip,300/h/key"
# How long somebody who was asked again is not asked once more (ASVS 7.5.3).
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_REAUTHENTICATION_REQUIRED = True
PASSWORD_RESET_TIMEOUT = 3600
MFA_ADAPTER = "merchants.adapters.MfaAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_TOLERANCE = 1
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = DEMO or DEBUG or TESTING
# Whoever sees money or people needs a second factor; only invented people do not.
SECOND_FACTOR_FORCED = not (DEMO or DEBUG or TESTING)
# Seconds without a person's own request, and from signing in, after which a session ends.
SESSION_IDLE, SESSION_LONGEST = 15 * 60, 12 * 3600
# Throttles and used codes must hold over all processes, so they are in the database.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "portal_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},  # PCI DSS 4, 8.3.6
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "merchants.passwords.Guessable"},
]
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# Mail: a page keeps it as a row, and a job sends it by this server
_MAIL = "consolemail://" if DEMO or DEBUG or TESTING else "smtp://localhost:25"
EMAIL_CONFIG = env.email_url("EMAIL_URL", default=_MAIL)
vars().update(EMAIL_CONFIG)
MAIL_BACKEND = EMAIL_CONFIG["EMAIL_BACKEND"]
EMAIL_BACKEND = "merchants.outbox.Outbox"
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("EMAIL_FROM", default="portal@localhost")

# Language and time
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("ar", _("Arabic")), ("da", _("Danish"))]
LOCALE_PATHS = [BASE_DIR / "portal" / "locale"]
USE_I18N = USE_TZ = True
TIME_ZONE = "UTC"  # rows and tasks; pages show the branch's zone

# Where files may go: host or host:port of SFTP servers, of S3-compatible storage and of mail.
DELIVERY_HOSTS: list[str] = env.list("DELIVERY_HOSTS", default=[])


def _reports() -> dict[str, Any]:
    """A bucket where REPORTS_S3 names one, and else a local folder."""
    named: str = env.str("REPORTS_S3", default="")
    if not named:
        folder = env.str("REPORTS_FOLDER", default="") or str(embedded.FOLDER / "reports")
        modes = {"file_permissions_mode": 0o600, "directory_permissions_mode": 0o700}
        backend = "django.core.files.storage.FileSystemStorage"
        return {"BACKEND": backend, "OPTIONS": {"location": folder, **modes}}
    url = urlsplit(named)
    host = f"{url.hostname}:{url.port}" if url.port else str(url.hostname)
    if not {host, url.hostname} & set(DELIVERY_HOSTS):
        raise ImproperlyConfigured(
            f"REPORTS_S3 leads to {host}, where files may not go: name it in DELIVERY_HOSTS."
        )
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "endpoint_url": f"{url.scheme}://{host}",
            "access_key": unquote(url.username or ""),
            "secret_key": unquote(url.password or ""),
            "bucket_name": url.path.strip("/"),
            "region_name": dict(parse_qsl(url.query)).get("region") or None,
            "addressing_style": "path",
            "default_acl": None,
            "file_overwrite": False,
            "querystring_auth": True,
        },
    }


# Static files
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    # Files that people have asked for.
    "reports": _reports(),
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if TESTING or DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
# Where files are written before they are whole.
REPORTS_PARTS: str = env.str("REPORTS_PARTS", default="") or str(
    embedded.FOLDER / "reports" / "parts"
)
WHITENOISE_USE_FINDERS = TESTING or DEBUG

# Security
PLAIN_HTTP = DEMO or DEBUG or TESTING
SESSION_COOKIE_NAME = "session" if PLAIN_HTTP else "__Host-session"
CSRF_COOKIE_NAME = "csrf" if PLAIN_HTTP else "__Host-csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not PLAIN_HTTP
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = SESSION_LONGEST
SECURE_SSL_REDIRECT = not PLAIN_HTTP
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_TLS_PROXY", default=False) else None
)
SECURE_HSTS_SECONDS = 0 if PLAIN_HTTP else 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not PLAIN_HTTP
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

# API
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["merchants.tokens.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "portal.api.problem",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Merchant Portal",
    "DESCRIPTION": "Branches, terminals, transactions and reconciliations of all providers.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    # Of what a terminal can be asked for, which is less than what a transaction can be.
    "ENUM_NAME_OVERRIDES": {
        "AskedKindEnum": [("PURCHASE", "PURCHASE"), ("REFUND", "REFUND")],
        "KindEnum": "transactions.models.Kind",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "portal.api.describe_problems",
    ],
}

# Logs: one line an event, never a body, a credential or a query string
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "portal.logs.OneLine"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        # These would print addresses with their query strings.
        "httpx2": {"level": "WARNING"},
        "httpcore2": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},
        # And these whole conversations, with whom they were.
        "asyncssh": {"level": "WARNING"},
        "botocore": {"level": "WARNING"},
    },
}
