"""The one table of services: what each is called, where it listens, what sets it, and which database is its own.

The stack without Docker starts them by it, in this order: who is asked comes before who asks. Whoever adds a service
adds a line. The names of all settings follow from it, as each service's own follow from its class of settings. Compose,
the images and Kubernetes are written out; a test compares them with it.
"""

from dataclasses import dataclass

from auth_service.settings import AuthSettings
from gateway.settings import GatewaySettings
from posts_service.settings import PostsSettings
from shared.settings import DatabaseUrl, Settings, list_file_names, list_names
from shared.tokens.service_settings import name_secret


@dataclass(frozen=True, slots=True)
class Ports:
    """Where one service listens on 127.0.0.1."""

    requests: int
    metrics: int


@dataclass(frozen=True, slots=True)
class Service:
    """One service; its name is that of its package, of its container, and of whom it is called by others.

    ``database`` is the name of its database, and of the role that owns it. ``rereads``: on SIGHUP, what it read from
    files, such as keys or the policy; another service would end.
    """

    name: str
    ports: Ports
    settings: type[Settings]
    database: str | None = None
    rereads: bool = False

    @property
    def url_setting(self) -> str:
        """The setting that tells others where it is."""
        return f"{self.name.upper()}_URL"

    @property
    def secret_setting(self) -> str:
        """The setting with the secret by which it calls the auth service."""
        return name_secret(self.name)

    @property
    def database_setting(self) -> str | None:
        """The setting that tells it where its database is."""
        return f"{self.database.upper()}_DATABASE_URL" if self.database is not None else None

    @property
    def database_names(self) -> frozenset[str]:
        """Return all settings of it that say where a database is, as a value or as a file."""
        names = list_file_names(self.settings, DatabaseUrl)
        return names | {f"{name}_FILE" for name in names}


GATEWAY = Service("gateway", Ports(3000, 3100), GatewaySettings, rereads=True)
SERVICES = (
    Service("auth_service", Ports(8001, 8101), AuthSettings, "auth", rereads=True),
    Service("posts_service", Ports(8002, 8102), PostsSettings, "posts"),
    GATEWAY,
)
BEHIND_GATEWAY = tuple(service for service in SERVICES if service is not GATEWAY)
DATABASES = tuple(service.database for service in SERVICES if service.database is not None)

_OF_HTTPS = ("CADDY_NETWORK", "CADDY_TLS", "DOMAIN", "HTTPS_PORT", "HTTP_PORT")
_FOLDERS = ("ARCHIVE_FOLDER", "BRANDING_FOLDER", "KEYS_FOLDER", "PROVIDERS_FOLDER", "RULES_FOLDER")
OF_COMPOSE = (*_FOLDERS, *_OF_HTTPS, "GATEWAY_PORT", "MAILBOX_PORT")
FILE_NAMES = frozenset(name for service in SERVICES for name in list_file_names(service.settings))
SETTING_NAMES = frozenset(
    {
        *OF_COMPOSE,
        *(name for service in SERVICES for name in list_names(service.settings)),
        *(service.url_setting for service in BEHIND_GATEWAY),
    }
)
"""The settings of all services, those that name files (``SECRET_KEY_FILE``) among them."""
