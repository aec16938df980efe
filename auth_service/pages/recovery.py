"""The pages for a forgotten password: ask for a code, where there is mail, then set a new password with it.

1. What was asked for is known by the browser's flow, so no address stands in a URL, and reloading sends nothing twice.
2. Nothing here tells whether an address has an account.
3. Setting a password signs nobody in: it leads to the sign-in page.
4. The page for the code also takes a link that an operator handed over, where there is no mail, too. Opening it uses
   nothing up.
"""

import contextlib
import functools
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from auth_service.api.mail_schemas import NewPassword, PasswordReset, PasswordResetRequest
from auth_service.browser.cookies import add_cookies, find_browser_session, note_reader
from auth_service.browser.flow import identify_asker, keep_flow
from auth_service.browser.public_name import at_public_name, lead_from
from auth_service.clients import identify_client
from auth_service.errors import CodeRefused
from auth_service.pages.forms import MAX_FORM, answer_form, redirect, verify_form
from auth_service.pages.second_clicks import ask_once, reset_by_link_once, reset_once
from auth_service.pages.sign_in import notice_page, sign_in_url
from auth_service.parts import mail_of, parts_of
from shared.errors import Forbidden, Invalid, NotFound, Throttled, Unavailable
from shared.language.sentences import Sentence
from shared.web.bodies import is_form, read_form
from shared.web.schemas import validate

Refusal = CodeRefused | Forbidden | Invalid | Throttled | Unavailable
REFUSALS = (CodeRefused, Forbidden, Invalid, Throttled, Unavailable)
DEAD_LINK = Sentence("This link is no longer good")
ASK_AGAIN = Sentence("It was used, or is too old. Ask whoever gave it to you for another one.")


@at_public_name
async def show_asking(request: Request) -> Response:
    """Show the form that asks for a code, with the address of whoever is signed in."""
    found = await find_browser_session(request)
    _, cookies = keep_flow(request)
    return add_cookies(await _asking_page(request, {"email": found.user.email if found else ""}), cookies)


async def ask(request: Request) -> Response:
    """Send a letter to the address, and lead on to the form for the code in it."""
    fields, (client, cookies) = await read_form(request, MAX_FORM), identify_asker(request)
    typed = {"email": fields.get("email", "")}
    try:
        verify_form(request, fields)
        wanted = validate(PasswordResetRequest, typed)
        recovery = mail_of(request).recovery
        asking = recovery.ask(wanted.email, client)
        await ask_once(asking, functools.partial(recovery.find_asked, client), wanted.email)
    except REFUSALS as refusal:
        return await _asking_page(request, typed, refusal)
    return add_cookies(redirect(f"{lead_from(request)}/forgot/code"), cookies)


@at_public_name
async def show_setting(request: Request) -> Response:
    """Show the form for the code and the new password, or, behind a link, for the password alone."""
    link = request.query_params.get("link")
    if link is not None:
        return await _link_page(request, link)
    _require_mail(request)
    return await _setting_page(request, {})


async def set_password(request: Request) -> Response:
    """Set the new password, and lead to the sign-in page."""
    if not is_form(request):
        _require_mail(request)
    fields = await read_form(request, MAX_FORM)
    if "link" in fields:
        return await _set_password_by_link(request, fields)
    _require_mail(request)
    typed = {name: fields.get(name, "") for name in ("email", "code")}
    try:
        verify_form(request, fields)
        wanted = validate(PasswordReset, {**typed, "password": fields.get("password", "")})
        signing_in, client = parts_of(request).signing_in, identify_client(request)
        await reset_once(mail_of(request).recovery, signing_in, wanted, client)
    except REFUSALS as refusal:
        return await _setting_page(request, typed, refusal)
    return redirect(sign_in_url(request, notice="reset"))


async def _set_password_by_link(request: Request, fields: Mapping[str, str]) -> Response:
    link = fields["link"]
    try:
        verify_form(request, fields)
        chosen = validate(NewPassword, {"password": fields.get("password", "")})
        parts = parts_of(request)
        await reset_by_link_once(parts.recovery, parts.signing_in, link, chosen.password, identify_client(request))
    except REFUSALS as refusal:
        return await _link_page(request, link, refusal)
    return redirect(sign_in_url(request, notice="reset"))


async def _link_page(request: Request, link: str, refusal: Refusal | None = None) -> Response:
    """Return the form for the new password of a link's user, or, where the link is no longer good, what to do."""
    user = await parts_of(request).recovery.find_user_of_link(link)
    if user is None:
        return notice_page(request, CodeRefused.status, DEAD_LINK, ASK_AGAIN)
    note_reader(request)
    page = answer_form(request, "forgot_link.html", {"link": link, "email": user.email}, refusal)
    page.headers["Referrer-Policy"] = "strict-origin"  # no other service learns the link; Origin stays as it is
    return page


def _require_mail(request: Request) -> None:
    if parts_of(request).mail is None:
        raise NotFound


async def _asking_page(request: Request, typed: Mapping[str, str], refusal: Refusal | None = None) -> Response:
    """Return the form that asks for a code, with a link to the form for the code that the browser waits for, if any."""
    return _page(request, "forgot.html", {"asked": await _find_asked(request) or "", **typed}, refusal)


async def _setting_page(request: Request, typed: Mapping[str, str], refusal: Refusal | None = None) -> Response:
    """Return the form for the code, for the address that the browser asked for, unless another was typed."""
    email = await _find_asked(request) or ""
    return _page(request, "forgot_code.html", {"asked": email, "email": email, "code": "", **typed}, refusal)


async def _find_asked(request: Request) -> str | None:
    """Return the address that the browser asked for; none while nobody can tell, so that the form is shown anyway."""
    with contextlib.suppress(Unavailable):
        asked = await mail_of(request).recovery.find_asked(identify_client(request))
        return asked.email if asked else None
    return None


def _page(request: Request, template: str, typed: Mapping[str, str], refusal: Refusal | None = None) -> Response:
    """Return a page with what was typed, and the refusal, if there was one."""
    note_reader(request)
    wrong = {"errors": {"code": refusal.message}, "problem": None} if isinstance(refusal, CodeRefused) else {}
    return answer_form(request, template, {"typed": typed, **wrong}, refusal)
