"""The page of one's own e-mail address: whether it is proven, and the way to another. It needs no script.

Its forms are handled by the same use cases as the JSON API. Moving needs a recent sign-in. A user
who has to sign in again does so in another tab, and what they typed stays here. The same goes for a form that is sent
after the session has ended.
"""

import functools
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from auth_service.api.mail_schemas import NewEmail, TypedCode
from auth_service.browser.cookies import BrowserSession, add_cookies, change_user, is_csrf_verified, seal_session
from auth_service.browser.flow import identify_asker, keep_flow
from auth_service.clients import identify_client
from auth_service.errors import CodeRefused
from auth_service.mail.codes import Purpose
from auth_service.pages.account import (
    NOTHING_SAID,
    OTHER_ACCOUNT,
    REFUSALS,
    Refusal,
    account_page,
    lead_on,
    lead_to_sign_in,
    signed_in,
)
from auth_service.pages.forms import MAX_FORM, form_page, verify_form
from auth_service.pages.second_clicks import ask_once, move_once, prove_once
from auth_service.parts import mail_of, parts_of
from auth_service.providers.recent_proofs import MAX_AUTH_AGE
from shared.errors import Forbidden, Unauthorized
from shared.tokens.authentication import ask_for_recent_sign_in
from shared.web.bodies import is_form, read_form
from shared.web.error_responses import note_refusal
from shared.web.schemas import validate

PATH = "/account/email"
OLD_SIGN_IN = Unauthorized(challenge=ask_for_recent_sign_in(MAX_AUTH_AGE))
NOTHING_TYPED: Mapping[str, str] = {}


@signed_in
async def show_email(request: Request, found: BrowserSession) -> Response:
    """Show the address, whether it is proven, and the forms for codes that are waited for."""
    return await _email_page(request, found)


@signed_in
async def ask_for_present(request: Request, found: BrowserSession) -> Response:
    """Send a code to the present address."""
    fields, (client, cookies) = await read_form(request, MAX_FORM), identify_asker(request)
    proofs, user = mail_of(request).proofs, found.user
    try:
        verify_form(request, fields)
        find_asked = functools.partial(proofs.find_asked, Purpose.PROVE_ADDRESS, client, user)
        await ask_once(proofs.ask_for_present(user, client), find_asked, user.email)
    except REFUSALS as refusal:
        return await _email_page(request, found, refusal, fields)
    return add_cookies(lead_on(request, PATH, "asked"), cookies)


@signed_in
async def confirm_present(request: Request, found: BrowserSession) -> Response:
    """Take the code as the proof that the present address is theirs."""
    fields = await read_form(request, MAX_FORM)
    try:
        verify_form(request, fields)
        offered = validate(TypedCode, {"code": fields.get("code", "")})
        await prove_once(mail_of(request).proofs, found.user, offered.code, identify_client(request))
    except (*REFUSALS, CodeRefused) as refusal:
        return await _email_page(request, found, refusal, fields)
    return lead_on(request, PATH, "proven")


async def show_email_again(request: Request) -> Response:
    """Show the new address again that was typed before the session ended, to be sent once its user has signed in."""
    fields = await read_form(request, MAX_FORM) if is_form(request) else {}
    if not is_csrf_verified(request, fields):
        return await lead_to_sign_in(request)
    note_refusal(request.scope, Unauthorized())
    typed = {name: fields.get(name, "") for name in ("email", "account")}
    about: dict[str, object] = {"user": None, "errors": {}, "must_sign_in": True, "asked_email": None}
    return form_page(request, "account_email.html", Unauthorized.status, {**NOTHING_SAID, **typed, **about})


async def _ask_to_move(request: Request, found: BrowserSession) -> Response:
    """Send a code to the address that the account is to have."""
    fields, (client, cookies) = await read_form(request, MAX_FORM), identify_asker(request)
    proofs, user = mail_of(request).proofs, found.user
    try:
        verify_form(request, fields)
        if fields.get("account") != str(user.id):
            raise Forbidden(OTHER_ACCOUNT)
        wanted = validate(NewEmail, {"email": fields.get("email", "")})
        if not (await parts_of(request).accounts.get_reauthentication(user, found.session)).is_recent:
            return await _email_page(request, found, OLD_SIGN_IN, fields)
        find_asked = functools.partial(proofs.find_asked, Purpose.CHANGE_ADDRESS, client, user)
        await ask_once(proofs.ask_to_move(user, wanted.email, client), find_asked, wanted.email)
    except REFUSALS as refusal:
        return await _email_page(request, found, refusal, fields)
    return add_cookies(lead_on(request, PATH, "asked"), cookies)


ask_to_move = signed_in(_ask_to_move, otherwise=show_email_again)


@signed_in
async def confirm_move(request: Request, found: BrowserSession) -> Response:
    """Give the account the address that the code was sent to, in the browser's cookie too."""
    fields = await read_form(request, MAX_FORM)
    try:
        verify_form(request, fields)
        offered = validate(TypedCode, {"code": fields.get("newCode", "")})
        typed = fields.get("email", ""), offered.code
        user = await move_once(mail_of(request).proofs, found.user, found.session.id, *typed, identify_client(request))
    except (*REFUSALS, CodeRefused) as refusal:
        return await _email_page(request, found, refusal, fields)
    _, cookies = seal_session(request, change_user(request, found, user))
    return add_cookies(lead_on(request, PATH, "moved"), cookies)


async def _email_page(
    request: Request,
    found: BrowserSession,
    refusal: Refusal | None = None,
    fields: Mapping[str, str] = NOTHING_TYPED,
) -> Response:
    proofs, client, user = mail_of(request).proofs, identify_client(request), found.user
    moving = await proofs.find_asked(Purpose.CHANGE_ADDRESS, client, user)
    proving = None if user.email_verified_at else await proofs.find_asked(Purpose.PROVE_ADDRESS, client, user)
    is_old, is_moving = refusal is OLD_SIGN_IN, request.scope["path"] == PATH
    shown: dict[str, object] = {
        "must_sign_in": is_old,
        "is_wrong": isinstance(refusal, CodeRefused),
        "code": fields.get("newCode") or fields.get("code", ""),
        "email": fields.get("email", "") if is_moving else "",
        "account": user.id,
        "asked_email": moving.email if moving else None,
        "has_asked": proving is not None,
        **({"problem": None} if is_old else {}),
    }
    page = account_page(request, found, "account_email.html", refusal, **shown)
    return add_cookies(page, keep_flow(request)[1])
