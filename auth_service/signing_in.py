"""Signing in, from the proof that somebody offers to their session; and confirming a signed-in user's password.

Whichever way somebody signs in (``ways``), this is the one door, and each of the two functions reads from top to
bottom. Guessing limits, audit, disabled users and rehashing are handled here, once.

1. The order is: a slot for the hash (503), the guessing limits (429), whom the proof names, the hash, the session. No
   database connection is held while a password is hashed, nor a slot while waiting for other tries.
2. A try counts as failed from the moment it is let in. One that ends without a decision, by a failure of ours or
   because it was abandoned, has not failed: it is given back, in the background.
3. A sign-in is decided twice: by the password, and then, in the transaction that begins the session, by whether that is
   still the password; so if the password is changed, or the user disabled or deleted, in between, no session survives
   it.
4. Nothing reveals why a proof was refused: neither the answer nor how long it took. Hashes of imported users take
   another time than ours, which nobody without an account costs: while there are any, no refusal comes sooner than
   ``REFUSAL_TIME`` after the hash began.
"""

import asyncio
import collections
import contextlib
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field

import structlog

from auth_service.accounts.new_users import prove_address, take_over
from auth_service.clients import Client
from auth_service.errors import EmailUnproven, InvalidCredentials, LinkRefused
from auth_service.guessing.admission import Admission
from auth_service.guessing.rules import LimitName
from auth_service.mail.addresses import email_key
from auth_service.mail.codes import Purpose
from auth_service.mail.notices import Notices
from auth_service.passwords.hashing import Passwords, Slot
from auth_service.providers.identities import Identities, ProviderProof
from auth_service.sessions.sessions import Sessions, SignedIn
from auth_service.tables.attempts import Attempt
from auth_service.tables.audit import Event, insert_audit_line
from auth_service.tables.codes import find_link, use_code
from auth_service.tables.new_sessions import ProvenUser
from auth_service.tables.sessions import SessionId
from auth_service.tables.users import (
    Credentials,
    User,
    find_credentials,
    has_other_hashes,
    lock_user,
    update_password_hash,
)
from shared.errors import AppError, Invalid, Throttled
from shared.language.sentences import Sentence
from shared.postgres.database import Database
from shared.tokens.keyed_hashes import Macs

PAUSES = (0.02, 0.05, 0.1, *(0.2,) * 24)  # seconds between checks whether pending tries were decided: five in all
MOST_PATIENT = 64  # tries of one address that may wait for others at the same time
REFUSAL_TIME = 1.0  # seconds; longer than hashes of other systems take, unless they are the costliest we accept
WRONG_PASSWORD = Sentence("is not right")

log = structlog.get_logger("signing_in")


@dataclass(frozen=True, slots=True)
class Proof:
    """What somebody offers to prove who they are: an account's e-mail address, and what may be its password."""

    email: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class LinkProof:
    """What somebody offers who opened a link that was mailed to them: its address, and how ``codes`` has its token."""

    email: str
    code_macs: Macs = field(repr=False)


@dataclass(frozen=True, slots=True)
class SigningIn:
    """The door; where it ``needs_proof``, it stays shut until people have proved their address.

    ``notices`` is None where no mail is sent.
    """

    database: Database
    passwords: Passwords
    admission: Admission
    sessions: Sessions
    identities: Identities
    notices: Notices | None = None
    needs_proof: bool = False
    _patient: collections.Counter[str] = field(default_factory=collections.Counter)

    async def sign_in(
        self, proof: Proof | LinkProof | ProviderProof, client: Client, replaced: Sequence[SessionId] = ()
    ) -> SignedIn:
        """Return the user with a new session that replaces those ``replaced``.

        InvalidCredentials whether the e-mail or the password is wrong, and for a user who is disabled, LinkRefused
        likewise; Throttled, whatever the password, when too many failed before; Unavailable when too many are signing
        in; EmailUnproven, which only those are told who know the password. By another provider: as ``identities``.
        """
        if isinstance(proof, LinkProof):
            return await self._sign_in_by_link(proof, client, replaced)
        if isinstance(proof, ProviderProof):
            return await self.identities.sign_in(proof, client, replaced)
        async with self._admit(proof.email, client) as (slot, named, attempt):
            begun = time.monotonic()
            spelling = await self.passwords.verify(proof.password, named.password_hash if named else None, slot)
            signed_in = None
            is_unproven = named is not None and spelling is not None and self._lacks_proof(named.user)
            if is_unproven:
                await self.admission.give_back(attempt)
            elif named is not None and spelling is not None:
                proven = ProvenUser(named.user.id, named.password_set_at, attempt)
                signed_in = await self.sessions.begin(proven, client, replaced)  # None if disabled, changed or gone
        if named is not None and is_unproven:
            await self._note_unproven(named.user, client)
            raise EmailUnproven
        if named is None or spelling is None or signed_in is None:
            user_id = named.user.id if named else None
            if await self._note_failure(Event.SIGN_IN_REFUSED, user_id, attempt, client):
                await asyncio.sleep(begun + REFUSAL_TIME - time.monotonic())
            raise InvalidCredentials
        if named.password_hash is not None and self.passwords.needs_rehash(named.password_hash, spelling):
            await self._renew_hash(named.user, named.password_hash, spelling, client)
        if self.notices is not None and not attempt.is_familiar:
            await self.notices.write_of_sign_in(signed_in.user, signed_in.session, client)
        return signed_in

    async def _sign_in_by_link(self, proof: LinkProof, client: Client, replaced: Sequence[SessionId]) -> SignedIn:
        """Return the user whom a link was sent to; LinkRefused, which changes nothing. The address is proven by that.

        Whoever signed up with an address that they could not prove is out, with all that they left there.
        """
        async with self.database.transaction() as connection:
            link, begun = await find_link(connection, Purpose.SIGN_IN, proof.code_macs), None
            user = await lock_user(connection, link.user_id) if link and link.user_id is not None else None
            if link and user and _may_use_link(user, proof) and await use_code(connection, link.id):
                if await prove_address(connection, user.id, client):
                    await take_over(connection, self.sessions, user, replaced, client)
                begun = await self.sessions.begin_within(connection, ProvenUser(user.id), client, replaced)
        if begun is None:
            await self._note_refused_link(user, client)
            raise LinkRefused
        signed_in, is_surplus = begun
        if is_surplus:
            await self.sessions.end_surplus(signed_in.user.id, client)
        return signed_in

    async def _note_refused_link(self, user: User | None, client: Client) -> None:
        """Note in the audit that a link was refused; Throttled: no more of them than are let in."""
        async with self.database.connection() as connection:
            await self.admission.admit_use(connection, LimitName.CODE, client.site, client)
            await insert_audit_line(connection, Event.SIGN_IN_REFUSED, client, user.id if user else None)

    async def confirm_password(self, user: User, password: str, member: str, client: Client) -> Credentials:
        """Return the credentials of a signed-in user if the password is right; otherwise Invalid names the member.

        Throttled and Unavailable as in ``sign_in``: a stolen session is no place to guess.
        """
        async with self._admit(user.email, client) as (slot, named, attempt):
            spelling = await self.passwords.verify(password, named.password_hash if named else None, slot)
            is_theirs = named is not None and named.user.id == user.id and spelling is not None
            if is_theirs:
                await self.admission.give_back(attempt)
        if named is None or not is_theirs:
            await self._note_failure(Event.PASSWORD_REFUSED, user.id, attempt, client)
            raise Invalid({member: WRONG_PASSWORD})
        return named

    @contextlib.asynccontextmanager
    async def _admit(self, email: str, client: Client) -> AsyncIterator[tuple[Slot, Credentials | None, Attempt]]:
        """Yield a slot for a hash, the credentials of the address, and the try, which counts as failed from now on.

        Unavailable when there is no slot, Throttled when the try must wait; one that is held up only by undecided tries
        is judged again after each of the ``PAUSES``.
        """
        account = email_key(email)
        with contextlib.ExitStack() as patience:
            for pause in (0, *PAUSES):
                if pause:
                    await asyncio.sleep(pause)
                attempt = None
                with self.passwords.take_slot(client.site, account) as slot:
                    try:
                        async with self.database.connection() as connection:
                            named = await find_credentials(connection, email)
                            attempt = await self.admission.admit_sign_in(connection, account, named, client)
                        if attempt is not None:
                            patience.close()
                            yield slot, named, attempt
                            return
                    except BaseException:
                        if attempt is not None:
                            self.admission.give_back_later(attempt)
                        raise
                if not pause:
                    patience.enter_context(self._being_patient(client.site))
        raise Throttled

    def _lacks_proof(self, user: User) -> bool:
        return self.needs_proof and user.email_verified_at is None and user.disabled_at is None

    async def _note_unproven(self, user: User, client: Client) -> None:
        async with self.database.connection() as connection:
            await insert_audit_line(connection, Event.SIGN_IN_REFUSED, client, user.id)

    async def _note_failure(self, event: Event, user_id: int | None, attempt: Attempt, client: Client) -> bool:
        """Note that a try failed, in the counts and in the audit; tell whether its time could reveal something."""
        async with self.database.transaction() as connection:
            await self.admission.note_failure(connection, attempt)
            await insert_audit_line(connection, event, client, user_id)
            return await has_other_hashes(connection)

    async def _renew_hash(self, user: User, old: str, spelling: str, client: Client) -> None:
        """Rehash a password whose stored hash is out of date. The user stays signed in, whatever happens here."""
        try:
            with self.passwords.take_slot(client.site, email_key(user.email)) as slot:
                password_hash = await self.passwords.hash(spelling, slot)
            async with self.database.connection() as connection:
                await update_password_hash(connection, user.id, old, password_hash)
        except AppError as error:
            log.warning("rehash_failed", user_id=user.id, error=type(error).__name__)

    @contextlib.contextmanager
    def _being_patient(self, site: str) -> Iterator[None]:
        if self._patient[site] >= MOST_PATIENT:
            raise Throttled
        self._patient[site] += 1
        try:
            yield
        finally:
            self._patient[site] -= 1
            if not self._patient[site]:
                del self._patient[site]


def _may_use_link(user: User, proof: LinkProof) -> bool:
    """Tell whether a user, whose row is locked, may sign in, and still has the address that a link was sent to."""
    return user.disabled_at is None and email_key(user.email) == email_key(proof.email)
