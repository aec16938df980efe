"""The parts of the running auth service, built once from its settings and found by every endpoint."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from starlette.requests import HTTPConnection

from auth_service.accounts.accounts import Accounts
from auth_service.accounts.invitations import Invitations
from auth_service.accounts.new_users import NewUsers
from auth_service.browser.csrf import CsrfTokens
from auth_service.guessing.admission import Admission
from auth_service.housekeeping import build_housekeeping
from auth_service.mail.delivery import Delivery, build_delivery
from auth_service.mail.mail import Mail, build_mail, build_notices, build_recovery
from auth_service.mail.notices import Notices
from auth_service.mail.recovery import Recovery
from auth_service.passwords.guessable import load_common_passwords, load_estimator
from auth_service.passwords.hashing import Passwords
from auth_service.providers.identities import Identities
from auth_service.providers.identity_letters import IdentityLetters
from auth_service.providers.linking import Linking
from auth_service.providers.providers import Providers
from auth_service.sessions.sessions import Lookups, Sessions
from auth_service.sessions.uses import SessionUses
from auth_service.settings import AuthMigrationSettings, AuthSettings
from auth_service.signing_in import SigningIn
from auth_service.tables.feed_starts import note_epoch
from auth_service.tables.sessions import Session, SessionId, list_live_sessions
from auth_service.tables.users import User, get_newest_user_id
from auth_service.verifiers.key_file import KeyFile, ignore_hangups
from auth_service.verifiers.long_poll import Events
from auth_service.verifiers.service_credentials import ServiceCredentials
from auth_service.ways.way import Way
from shared.auth_events.revocations import Revocations
from shared.doctor.setting_comparison import list_compared
from shared.doctor.setting_hashes import Values
from shared.fast.coalesced_reads import Sharing, share_reads
from shared.observing.clocks import Clocks
from shared.observing.metrics import Metrics
from shared.postgres.database import Database
from shared.postgres.epoch_watch import EpochWatch
from shared.postgres.housekeeping import Housekeeping
from shared.settings import reveal
from shared.tokens.device_cookie import DeviceCookies
from shared.tokens.key_pairs import IssuerKeys
from shared.tokens.protocol import Protocol
from shared.tokens.service_settings import list_callers
from shared.tokens.session_cookie import CookieNames, SessionSealer
from shared.tokens.signed import AccessTokens, KeyRing, ServiceTokens
from shared.web.health import Check
from shared.web.sites import Sites

MIGRATIONS = Path(__file__).parent / "tables" / "migrations"
LOOKUPS = Sharing(most=200)  # sessions that one query looks at


@dataclass(frozen=True, slots=True)
class Parts:
    """What endpoints work with."""

    public_url: str
    sites: Sites
    database: Database
    epoch_watch: EpochWatch
    events: Events
    passwords: Passwords
    admission: Admission
    accounts: Accounts
    signing_in: SigningIn
    ways: Sequence[Way]
    sessions: Sessions
    keys: IssuerKeys
    key_file: KeyFile | None
    access_tokens: AccessTokens
    revocations: Revocations
    service_tokens: ServiceTokens
    clocks: Clocks
    compared: Values
    service_credentials: ServiceCredentials
    sealer: SessionSealer
    csrf: CsrfTokens
    cookies: CookieNames
    housekeeping: Housekeeping
    devices: DeviceCookies
    recovery: Recovery
    mail: Mail | None
    delivery: Delivery | None
    providers: Providers | None
    linking: Linking

    @classmethod
    def build(cls, settings: AuthSettings, metrics: Metrics, ways: Sequence[Way] = ()) -> Self:
        """Return the parts that the settings ask for; nothing is connected yet."""
        secret, previous = settings.nextauth_secret.get_secret_value(), reveal(settings.nextauth_secret_previous)
        database, clocks = open_database(settings), Clocks(metrics)
        metrics.watch_database(database)
        epoch_watch = EpochWatch(database, "users", get_newest_user_id, note_epoch)
        cookies = CookieNames.of(settings.nextauth_url, settings.protocol, settings.cookie_domain)
        passwords = Passwords.build(settings, metrics.registry)
        admission = Admission.build(database, settings, metrics.registry)
        keys = IssuerKeys(KeyRing(settings.shared_key, reveal(settings.secret_key_previous)))
        access_tokens = AccessTokens(keys, settings.nextauth_url, settings.access_token_ttl, others=settings.audiences)
        service_keys = {caller: settings.build_keys(caller) for caller in list_callers(type(settings))}
        notices = build_notices(settings, database, admission)
        sessions = _build_sessions(settings, database, admission, access_tokens, notices)
        new_users = NewUsers(database, epoch_watch, Invitations.of(settings, database))
        letters = IdentityLetters(notices, {each.id: each.name for each in settings.providers})
        identities = Identities(database, new_users, admission, sessions, notices, settings.needs_proof, letters)
        signing_in = SigningIn(database, passwords, admission, sessions, identities, notices, settings.needs_proof)
        accounts = Accounts(database, new_users, passwords, admission, signing_in, sessions, notices)
        return cls(
            public_url=settings.nextauth_url,
            sites=settings.sites,
            database=database,
            epoch_watch=epoch_watch,
            events=Events(database, epoch_watch),
            passwords=passwords,
            admission=admission,
            accounts=accounts,
            signing_in=signing_in,
            ways=ways,
            sessions=sessions,
            keys=keys,
            key_file=KeyFile.of(settings, keys),
            access_tokens=access_tokens,
            revocations=Revocations(),  # stays empty: a session's row says whether it is live
            service_tokens=ServiceTokens(service_keys, settings.build_shared_keys(), clocks.note_call),
            clocks=clocks,
            compared=list_compared(settings),
            service_credentials=ServiceCredentials(database, secret, previous),
            sealer=SessionSealer(secret, settings.session_max_age, previous, cookies),
            csrf=CsrfTokens(secret, previous),
            cookies=cookies,
            housekeeping=build_housekeeping(database, settings, metrics),
            devices=DeviceCookies(secret, previous),
            recovery=(recovery := build_recovery(settings, accounts)),
            mail=build_mail(settings, accounts, recovery),
            delivery=build_delivery(settings, database, metrics),
            providers=Providers.build(settings, cookies),
            linking=Linking(database, sessions, letters, settings.needs_proof),
        )

    @property
    def key_follower(self) -> None:
        """The keys are our own."""

    @property
    def protocol(self) -> Protocol:
        """The version of NextAuth's protocol that is spoken."""
        return self.cookies.protocol

    @property
    def checks(self) -> dict[str, Check]:
        """What keeps the service from being ready."""
        return {"database": self.database.find_lack}

    @property
    def remarks(self) -> dict[str, Check]:
        """What ``/readyz`` reports besides: clocks that differ, letters that wait for long, an unusable key file."""
        parts = {"clock": self.clocks, "mail": self.delivery, "token keys": self.key_file}
        return {name: part.find_remark for name, part in parts.items() if part}

    async def start(self) -> None:
        """Start: read what is read only once, and connect to the database in the background."""
        load_common_passwords()  # now, rather than while somebody waits; likewise the estimator
        load_estimator()
        if self.providers:
            self.providers.start()
        self.database.clock.compare_with(self.clocks, "database")
        await self.database.start()
        self.housekeeping.start()
        self.epoch_watch.start()
        (self.key_file.start if self.key_file else ignore_hangups)()
        if self.delivery:
            self.delivery.start()
        await self.database.wait_a_moment()
        await self.sessions.uses.start()

    async def stop(self) -> None:
        """Release everything; one part that fails keeps no other from it.

        While letters that are being sent have a moment, all else ends.
        """
        ending = [self._stop_serving(), self.delivery.stop()] if self.delivery else [self._stop_serving()]
        for failure in await asyncio.gather(*ending, return_exceptions=True):
            if failure is not None:
                raise failure

    async def _stop_serving(self) -> None:
        async with contextlib.AsyncExitStack() as stopping:
            for part in (self.database, self.sessions.uses, self.epoch_watch):
                stopping.push_async_callback(part.stop)
            if self.providers:
                stopping.push_async_callback(self.providers.stop)
            stopping.callback(self.passwords.stop)
            if self.key_file:
                stopping.push_async_callback(self.key_file.stop)
            stopping.push_async_callback(self.housekeeping.stop)


def open_database(settings: AuthSettings | AuthMigrationSettings) -> Database:
    """Return the service's database, not connected yet."""
    url, size = settings.auth_database_url.get_secret_value(), settings.pool_size
    return Database(url, [MIGRATIONS], "auth_service", size, setting="AUTH_DATABASE_URL")


def parts_of(connection: HTTPConnection) -> Parts:
    """Return the parts of the service that a request came to."""
    parts = connection.app.state.parts
    assert isinstance(parts, Parts)
    return parts


def mail_of(request: HTTPConnection) -> Mail:
    """Return what sends letters; for endpoints that exist only with mail."""
    mail = parts_of(request).mail
    assert mail is not None
    return mail


def providers_of(request: HTTPConnection) -> Providers:
    """Return the other providers; for endpoints that exist only with some."""
    providers = parts_of(request).providers
    assert providers is not None
    return providers


def _build_sessions(
    settings: AuthSettings, database: Database, admission: Admission, tokens: AccessTokens, notices: Notices | None
) -> Sessions:
    """Return the sessions, which end at the ages of the settings."""
    max_age, idle_age = (dt.timedelta(seconds=age) for age in (settings.session_max_age, settings.session_idle_age))
    lookups, uses = _share_lookups(database), SessionUses(database, idle_age)
    return Sessions(database, lookups, admission, tokens, max_age, idle_age, uses, notices)


def _share_lookups(database: Database) -> Lookups:
    """Return the look-up of sessions, in which simultaneous requests share a query."""

    async def look_up(session_ids: Sequence[SessionId]) -> list[tuple[User, Session] | None]:
        async with database.connection() as connection:
            return await list_live_sessions(connection, session_ids)

    return share_reads(look_up, lambda _: 1, LOOKUPS)
