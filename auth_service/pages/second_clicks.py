"""The same form sent twice, by a double click: the second gets the first one's result, not "already done".

A browser shows only the answer to the second click. What the first one did can be seen only from the account, so each
of these functions checks what was done a moment ago. None lets anybody in, or reveals anything, without the password,
which is verified as at every sign-in, with its limits.
"""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from auth_service.accounts.accounts import Accounts
from auth_service.api.mail_schemas import PasswordReset
from auth_service.api.schemas import PasswordChange, SignUp
from auth_service.clients import Client
from auth_service.errors import CodeRefused, EmailTaken, InvalidCredentials, InvitationWanted
from auth_service.mail.address_proofs import AddressProofs
from auth_service.mail.addresses import email_key
from auth_service.mail.links import Links
from auth_service.mail.recovery import Recovery
from auth_service.sessions.sessions import SignedIn
from auth_service.signing_in import Proof, SigningIn
from auth_service.tables.codes import Code
from auth_service.tables.sessions import Session, SessionId
from auth_service.tables.users import Credentials, User, find_credentials, find_user
from shared.errors import Conflict, Invalid, NotFound, Throttled

A_MOMENT = dt.timedelta(minutes=1)
TWO_CLICKS = dt.timedelta(seconds=10)  # between those that ask for a letter: whoever waits longer wants another
PAUSES = (0, 0.1, 0.4)  # seconds in which the first click's code is stored, if both came at once

FindAsked: TypeAlias = Callable[[], Awaitable[Code | None]]
"""Finds what a browser asked for."""


async def sign_up_once(
    accounts: Accounts, wanted: SignUp, client: Client, replaced: Sequence[SessionId] = ()
) -> SignedIn:
    """Sign up and in; or sign in to the account that another click just made. Raises what ``sign_up_and_in`` does."""
    try:
        return await accounts.sign_up_and_in(wanted, client, replaced)
    except (EmailTaken, InvitationWanted) as refusal:  # the first click used the invitation up
        found = await _find_credentials(accounts, wanted.email)
        if found is None or found.user.name != wanted.name or not _is_a_moment_ago(found.user.created_at):
            raise
        try:
            return await accounts.signing_in.sign_in(Proof(wanted.email, wanted.password), client, replaced)
        except (InvalidCredentials, Throttled):
            raise refusal from None


async def change_password_once(
    accounts: Accounts, user: User, wanted: PasswordChange, session: Session, client: Client
) -> None:
    """Change the password, unless another click just changed it to this one. Raises what ``change_password`` does."""
    try:
        await accounts.change_password(user, wanted, session, client)
    except (Invalid, Conflict) as refusal:
        found = await _find_credentials(accounts, user.email)
        if found is None or not _is_just_changed(found):
            raise
        try:
            await accounts.signing_in.confirm_password(user, wanted.new_password, "newPassword", client)
        except (Invalid, Throttled):
            raise refusal from None


async def delete_once(accounts: Accounts, user: User, session: Session, password: str | None, client: Client) -> None:
    """Delete the account, unless another click has just done so. Raises what ``delete_own`` does."""
    try:
        await accounts.delete_own(user, session, password, client)
    except (Invalid, NotFound):
        if not await is_gone(accounts, user.id):
            raise


async def is_gone(accounts: Accounts, user_id: int) -> bool:
    """Tell whether no user has that id."""
    return await _find_user(accounts, user_id) is None


async def ask_once(asking: Awaitable[None], find_asked: FindAsked, email: str) -> None:
    """Ask for a code, unless this browser just did, for the same address. Raises what ``asking`` does."""
    try:
        await asking
    except Throttled:
        for pause in PAUSES:
            await asyncio.sleep(pause)
            asked = await find_asked()
            if asked is not None and _is_same(asked.email, email) and _is_a_moment_ago(asked.created_at, TWO_CLICKS):
                return
        raise


async def send_link_once(links: Links, email: str, callback_url: str, client: Client) -> None:
    """Send a link, unless one was sent to the address just now. Raises what ``send`` does.

    A link is for any browser, so nothing says which one asked: whoever did, the address has it.
    """
    try:
        await links.send(email, callback_url, client)
    except Throttled:
        for pause in PAUSES:
            await asyncio.sleep(pause)
            sent = await links.find_sent(email)
            if sent is not None and _is_a_moment_ago(sent.created_at, TWO_CLICKS):
                return
        raise


async def reset_once(recovery: Recovery, signing_in: SigningIn, wanted: PasswordReset, client: Client) -> None:
    """Set a new password by a code, unless another click just did so. Raises what ``set_password`` does."""
    try:
        await recovery.set_password(wanted, client)
    except CodeRefused as refusal:
        user = await recovery.find_just_reset(wanted, client, A_MOMENT)
        if user is None:
            raise
        try:
            await signing_in.confirm_password(user, wanted.password, "password", client)
        except (Invalid, Throttled):
            raise refusal from None


async def reset_by_link_once(
    recovery: Recovery, signing_in: SigningIn, token: str, password: str, client: Client
) -> None:
    """Set a new password by a link, unless another click just did so. Raises what ``set_password_by_link`` does."""
    try:
        await recovery.set_password_by_link(token, password, client)
    except CodeRefused as refusal:
        user = await recovery.find_just_set(token, A_MOMENT)
        if user is None:
            raise
        try:
            await signing_in.confirm_password(user, password, "password", client)
        except (Invalid, Throttled):
            raise refusal from None


async def sign_up_by_code_once(proofs: AddressProofs, email: str, code: str, client: Client) -> None:
    """Sign up by a code, unless another click just did so by the same. Raises what ``confirm_sign_up`` does."""
    try:
        await proofs.confirm_sign_up(email, code, client)
    except CodeRefused:
        if not await proofs.has_just_signed_up(email, code, client, A_MOMENT):
            raise


async def prove_once(proofs: AddressProofs, user: User, code: str, client: Client) -> None:
    """Prove the user's address by a code, unless another click just did. Raises what ``confirm_present`` does."""
    try:
        await proofs.confirm_present(user, code, client)
    except CodeRefused:
        if not _is_just_proven(await _find_user(proofs.accounts, user.id), user.email):
            raise


async def move_once(
    proofs: AddressProofs, user: User, session_id: SessionId, email: str, code: str, client: Client
) -> User:
    """Return the user, moved to another address, by this click or another. Raises what ``confirm_move`` does."""
    try:
        return await proofs.confirm_move(user, session_id, code, client)
    except (CodeRefused, EmailTaken):
        found = await _find_user(proofs.accounts, user.id)
        if found is None or not _is_just_proven(found, email):
            raise
        return found


async def _find_user(accounts: Accounts, user_id: int) -> User | None:
    async with accounts.database.connection() as connection:
        return await find_user(connection, user_id)


async def _find_credentials(accounts: Accounts, email: str) -> Credentials | None:
    async with accounts.database.connection() as connection:
        return await find_credentials(connection, email)


def _is_just_changed(found: Credentials) -> bool:
    """Tell whether the password was changed a moment ago; the one chosen at sign-up was set with the account."""
    return found.password_set_at != found.user.created_at and _is_a_moment_ago(found.password_set_at)


def _is_just_proven(user: User | None, email: str) -> bool:
    """Tell whether this is the user's address, and was proved a moment ago."""
    at = user.email_verified_at if user and _is_same(user.email, email) else None
    return at is not None and _is_a_moment_ago(at)


def _is_same(email: str, other: str) -> bool:
    return email_key(email) == email_key(other)


def _is_a_moment_ago(moment: dt.datetime, within: dt.timedelta = A_MOMENT) -> bool:
    return abs(dt.datetime.now(dt.UTC) - moment) < within
