"""The parts of the running auth service, built once from its settings and found by every endpoint."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from starlette.requests import HTTPConnection

from auth_service.accounts import Accounts
from auth_service.admission import Admission
from auth_service.breached_passwords import BreachedPasswords
from auth_service.csrf import CsrfTokens
from auth_service.guessable_passwords import load_common_passwords
from auth_service.live_sessions import LiveSessions
from auth_service.password_checks import PasswordChecks
from auth_service.passwords import Passwords
from auth_service.settings import AuthMigrationSettings, AuthSettings
from shared.database import Database
from shared.device_cookie import DeviceCookies
from shared.metrics import Metrics
from shared.session_cookie import CookieNames, SessionSealer
from shared.tokens import AccessTokens, KeyRing, ServiceTokens

MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True)
class Parts:
    """What endpoints work with."""

    public_url: str
    database: Database
    passwords: Passwords
    admission: Admission
    accounts: Accounts
    sessions: LiveSessions
    access_tokens: AccessTokens
    service_tokens: ServiceTokens
    sealer: SessionSealer
    csrf: CsrfTokens
    cookies: CookieNames
    devices: DeviceCookies

    @classmethod
    def build(cls, settings: AuthSettings, metrics: Metrics) -> Self:
        """Return the parts that the settings ask for; nothing is connected yet."""
        nextauth_secret = settings.nextauth_secret.get_secret_value()
        database = open_database(settings)
        metrics.watch_database(database.count_borrowed)
        file = settings.breached_passwords_file
        breached = BreachedPasswords.open(file) if file else None
        passwords = Passwords(metrics.registry, breached=breached)
        admission = Admission.build(database, settings, metrics.registry)
        checks = PasswordChecks(database, passwords, admission)
        access_tokens = AccessTokens(_read_keys(settings), settings.nextauth_url, settings.access_token_ttl)
        max_age = dt.timedelta(seconds=settings.session_max_age)
        idle_age = dt.timedelta(seconds=settings.session_idle_age)
        sessions = LiveSessions(database, admission, access_tokens, max_age, idle_age)
        return cls(
            public_url=settings.nextauth_url,
            database=database,
            passwords=passwords,
            admission=admission,
            accounts=Accounts(database, passwords, admission, checks, sessions),
            sessions=sessions,
            access_tokens=access_tokens,
            service_tokens=ServiceTokens(KeyRing(settings.service_secret.get_secret_value())),
            sealer=SessionSealer(nextauth_secret, settings.session_max_age),
            csrf=CsrfTokens(nextauth_secret),
            cookies=CookieNames.of(settings.nextauth_url),
            devices=DeviceCookies(nextauth_secret),
        )

    async def start(self) -> None:
        """Begin to work: read what is read once, connect to the database in the background."""
        load_common_passwords()  # now, rather than while somebody waits for it
        await self.database.start()
        await self.database.wait_a_moment()

    async def stop(self) -> None:
        """Let go of everything."""
        self.passwords.stop()
        await self.database.stop()


def open_database(settings: AuthSettings | AuthMigrationSettings) -> Database:
    """Return the service's database, not connected yet."""
    return Database(settings.auth_database_url.get_secret_value(), MIGRATIONS, "auth_service")


def parts_of(connection: HTTPConnection) -> Parts:
    """Return the parts of the service that a request came to."""
    parts = connection.app.state.parts
    assert isinstance(parts, Parts)
    return parts


def _read_keys(settings: AuthSettings) -> KeyRing:
    previous = [secret.get_secret_value() for secret in settings.secret_key_previous]
    return KeyRing(settings.secret_key.get_secret_value(), previous)
