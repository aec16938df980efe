"""The pages for signing up: the form, and the code where an address is proven first. They need no script.

A form that is refused is shown again, each error beside its field, with everything that was typed except passwords.

1. If the proof is required, the form leads to the page for the code, whether or not the address has an account, and the
   code to the sign-in page. It signs nobody in: passwords are asked for in one place only, and both clicks of a double
   click get the same answer.
2. If the proof is optional, the letter is sent once there is an account, and the next page asks for its code. Entering
   or skipping it leads on to where the new user was going.
"""

import contextlib
import functools
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from auth_service.api.mail_schemas import SignUpCode, TypedCode
from auth_service.api.schemas import SignUp
from auth_service.browser.cookies import (
    add_cookies,
    choose_callback_url,
    find_browser_session,
    list_session_ids,
    store_sign_in,
)
from auth_service.browser.first_page import choose_after_sign_up
from auth_service.browser.flow import identify_asker, keep_flow
from auth_service.browser.public_name import at_public_name, lead_from
from auth_service.clients import identify_client
from auth_service.errors import CodeRefused, EmailTaken, InvitationWanted, SignUpClosed
from auth_service.mail.codes import Purpose
from auth_service.mail.mail import Mail
from auth_service.pages.forms import MAX_LEADING_FORM, answer_form, lead_back, redirect, verify_form
from auth_service.pages.invited import forget_invitation, lead_invited
from auth_service.pages.second_clicks import ask_once, prove_once, sign_up_by_code_once, sign_up_once
from auth_service.pages.sign_in import notice_page, sign_in_url, signed_in_page
from auth_service.parts import mail_of, parts_of
from auth_service.tables.users import User
from shared.errors import AppError, Forbidden, Invalid, Throttled, Unavailable
from shared.language.sentences import Sentence
from shared.web.bodies import read_form
from shared.web.error_responses import note_refusal
from shared.web.schemas import validate

UNINVITED: Mapping[type[AppError], tuple[Sentence, Sentence]] = {
    SignUpClosed: (
        Sentence("You can't sign up here yourself"),
        Sentence("Whoever runs this site makes new accounts. If you have one, sign in."),
    ),
    InvitationWanted: (
        Sentence("You need an invitation"),
        Sentence("Open the link that you were sent in this browser. If it no longer works, ask for a new one."),
    ),
}


@at_public_name
async def show_sign_up(request: Request) -> Response:
    """Show the sign-up form; a signed-in user is offered to go on. An invitation in the link is kept first."""
    led = lead_invited(request)
    if led is not None:
        return led
    callback_url = choose_after_sign_up(request, {})
    found = await find_browser_session(request)
    if found is not None:
        return signed_in_page(request, callback_url, found.user)
    return await _sign_up_page(request, callback_url, typed={})


async def sign_up(request: Request) -> Response:
    """Sign somebody up, and redirect; or show the form again with what is wrong."""
    fields = await read_form(request, MAX_LEADING_FORM)
    callback_url = choose_after_sign_up(request, fields)
    typed = {name: fields.get(name, "") for name in ("name", "email")}
    try:
        verify_form(request, fields)
        wanted = validate(SignUp, {**typed, "password": fields.get("password", "")})
        return await _sign_up(request, wanted, callback_url)
    except (EmailTaken, Forbidden, Invalid, Throttled, Unavailable) as refusal:
        return await _sign_up_page(request, callback_url, typed, refusal)


@at_public_name
async def show_code(request: Request) -> Response:
    """Show the form for the code that was sent to whoever signs up in this browser."""
    return await _code_page(request, choose_callback_url(request, {}), {})


async def confirm(request: Request) -> Response:
    """Create the account by its code, and lead to the sign-in page; or show the form again with what is wrong."""
    fields = await read_form(request, MAX_LEADING_FORM)
    callback_url = choose_callback_url(request, fields)
    try:
        verify_form(request, fields)
        offered = validate(SignUpCode, {name: fields.get(name, "") for name in ("email", "code")})
        await sign_up_by_code_once(mail_of(request).proofs, offered.email, offered.code, identify_client(request))
    except (Forbidden, Invalid, CodeRefused, EmailTaken, Throttled, Unavailable) as refusal:
        return await _code_page(request, callback_url, fields, refusal)
    return redirect(sign_in_url(request, callback_url=callback_url, notice="signed-up"))


@at_public_name
async def show_offer(request: Request) -> Response:
    """Show the form for the code that a new user was sent; without one, lead to where they were going."""
    callback_url, found = choose_after_sign_up(request, {}), await find_browser_session(request)
    user, client = found.user if found else None, identify_client(request)
    if user is None or await mail_of(request).proofs.find_asked(Purpose.PROVE_ADDRESS, client, user) is None:
        return redirect(callback_url)
    return await _code_page(request, callback_url, {}, user=user)


async def accept_offer(request: Request) -> Response:
    """Take the code as the proof of a new user's address; or show the form again with what is wrong."""
    fields, found = await read_form(request, MAX_LEADING_FORM), await find_browser_session(request)
    callback_url = choose_after_sign_up(request, fields)
    if found is None:
        back = f"{parts_of(request).public_url}/signup/code{lead_back(callback_url)['callback_query']}"
        return redirect(sign_in_url(request, callback_url=back))
    try:
        verify_form(request, fields)
        offered = validate(TypedCode, {"code": fields.get("code", "")})
        await prove_once(mail_of(request).proofs, found.user, offered.code, identify_client(request))
    except (CodeRefused, Forbidden, Invalid, Throttled, Unavailable) as refusal:
        return await _code_page(request, callback_url, fields, refusal, found.user)
    return redirect(callback_url)


async def _sign_up(request: Request, wanted: SignUp, callback_url: str) -> Response:
    """Sign up and in; or ask for the code first. Raises what signing up does."""
    mail = parts_of(request).mail
    if mail is not None and mail.verification == "required":
        client, cookies = identify_asker(request)
        find_asked = functools.partial(mail.proofs.find_asked, Purpose.SIGN_UP, client, None)
        await ask_once(mail.proofs.ask_to_sign_up(wanted, client), find_asked, wanted.email)
        return add_cookies(_lead_to_code(request, callback_url), cookies)
    replaced, client = list_session_ids(request), identify_client(request)
    signed_in = await sign_up_once(parts_of(request).accounts, wanted, client, replaced)
    cookies = [*store_sign_in(request, signed_in), *forget_invitation(request)]
    if mail is None or mail.verification == "off":
        return add_cookies(redirect(callback_url), cookies)
    return add_cookies(await _offer_proof(request, mail, signed_in.user, callback_url), cookies)


async def _offer_proof(request: Request, mail: Mail, user: User, callback_url: str) -> Response:
    """Send a code to a new user, and lead to the page for it. They are signed up, whatever happens here."""
    client, cookies = identify_asker(request)
    with contextlib.suppress(Throttled, Unavailable):
        await mail.proofs.ask_for_present(user, client)
    return add_cookies(_lead_to_code(request, callback_url), cookies)


def _lead_to_code(request: Request, callback_url: str) -> Response:
    return redirect(f"{lead_from(request)}/signup/code{lead_back(callback_url)['callback_query']}")


async def _code_page(
    request: Request,
    callback_url: str,
    fields: Mapping[str, str],
    refusal: AppError | None = None,
    user: User | None = None,
) -> Response:
    """Return the page for the code, with the address that it was sent to; without a form where none is waited for."""
    email = await _find_asked(request, mail_of(request), user)
    shown = {
        **lead_back(callback_url),
        "email": fields.get("email") if isinstance(refusal, Unavailable) else email,
        "code": fields.get("code", ""),
        "is_wrong": isinstance(refusal, CodeRefused),
        "has_account": user is not None,
    }
    return answer_form(request, "signup_code.html", shown, refusal)


async def _sign_up_page(
    request: Request, callback_url: str, typed: Mapping[str, str], refusal: AppError | None = None
) -> Response:
    """Return the form, with a link to the page for the code that the browser waits for, if any.

    Or that the browser's user may not sign up.
    """
    try:
        await parts_of(request).accounts.new_users.invitations.admit(identify_client(request))
    except (SignUpClosed, InvitationWanted) as uninvited:
        note_refusal(request.scope, uninvited)
        return notice_page(request, uninvited.status, *UNINVITED[type(uninvited)])
    mail = parts_of(request).mail
    asked = await _find_asked(request, mail) if mail is not None else None
    shown = {**lead_back(callback_url), "typed": typed, "has_asked": asked is not None}
    taken = {"errors": {"email": refusal.message}, "problem": None} if isinstance(refusal, EmailTaken) else {}
    page = answer_form(request, "signup.html", shown | taken, refusal)
    return page if mail is None else add_cookies(page, keep_flow(request)[1])


async def _find_asked(request: Request, mail: Mail, user: User | None = None) -> str | None:
    """Return the address that the browser waits for a code to; None while nobody can tell, so the form is shown."""
    purpose = Purpose.PROVE_ADDRESS if user else Purpose.SIGN_UP
    with contextlib.suppress(Unavailable):
        asked = await mail.proofs.find_asked(purpose, identify_client(request), user)
        return asked.email if asked else None
    return None
