"""The pages of one's own account: profile, password, devices, deletion. Plain HTML forms that need no script.

Every form carries the browser's csrf token, and is handled by the same use cases as the JSON API. A form that succeeds
ends in a redirect, so that reloading sends nothing twice; one that is refused is shown again, each error beside its
field. A form sent after its session has ended is shown again too, if more was typed than a password; otherwise it leads
to the sign-in page.
"""

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response

from auth_service.api.schemas import AccountChange, Password, PasswordChange
from auth_service.browser.cookies import (
    BrowserSession,
    add_cookies,
    clear_session,
    find_browser_session,
    find_user_id,
    is_csrf_verified,
    rename,
    seal_session,
)
from auth_service.browser.public_name import Endpoint, lead_from
from auth_service.browser.user_agents import describe_device
from auth_service.clients import identify_client
from auth_service.errors import CodeRefused, ProviderDown
from auth_service.pages.forms import MAX_FORM, answer_form, form_page, redirect, verify_form
from auth_service.pages.second_clicks import change_password_once, delete_once, is_gone
from auth_service.pages.sign_in import sign_in_url
from auth_service.parts import parts_of
from auth_service.sessions.sessions import read_session_id
from auth_service.tables.sessions import Ending
from shared.errors import Conflict, Forbidden, Invalid, Throttled, Unauthorized, Unavailable
from shared.language.sentences import Sentence
from shared.web.bodies import is_form, read_form
from shared.web.error_responses import note_refusal
from shared.web.lacking import OurPage, list_lacking
from shared.web.schemas import validate

PASSWORDS = ("currentPassword", "newPassword")
MOST_DEVICES = 100  # on the page; the API lists them all

DONE = {
    "asked": Sentence("An e-mail is on its way."),
    "proven": Sentence("Your address is confirmed."),
    "moved": Sentence("Your account has its new address. All your other devices were signed out."),
    "renamed": Sentence("Saved. Your name was changed."),
    "changed": Sentence("Your password was changed. All your other devices were signed out."),
    "ended": Sentence("That device was signed out."),
    "added": Sentence("Added. From now on you can sign in that way, too."),
    "removed": Sentence("Removed. All your other devices were signed out."),
    "others": Sentence("All your other devices were signed out."),
}

OTHER_ACCOUNT = Sentence(
    "You are signed in to another account than when you opened this form. To use this name for it, press Save again."
)

NOTHING_SAID: Mapping[str, object] = {"is_signed_out": False, "problem": None, "retry_after": None, "notice": None}

Page = Callable[[Request, BrowserSession], Awaitable[Response]]
Refusal = Conflict | Forbidden | Invalid | Throttled | Unavailable | CodeRefused | Unauthorized | ProviderDown
REFUSALS = (Conflict, Forbidden, Invalid, Throttled, Unavailable)


async def lead_to_sign_in(request: Request) -> Response:
    """Redirect to the sign-in page, which leads back to the requested page."""
    return redirect(sign_in_url(request, callback_url=parts_of(request).public_url + _get_page(request)))


def signed_in(page: Page, otherwise: Endpoint = lead_to_sign_in) -> Endpoint:
    """Return the endpoint of a page for users with a live session; others get ``otherwise``."""

    async def endpoint(request: Request) -> Response:
        found = await find_browser_session(request)
        return await otherwise(request) if found is None else await page(request, found)

    return endpoint


@signed_in
async def show_profile(request: Request, found: BrowserSession) -> Response:
    """Show who is signed in, with a form for the name."""
    return account_page(request, found, "account.html", name=found.user.name, account=found.user.id)


async def show_name_again(request: Request) -> Response:
    """Show the name again that was typed before the session ended, to be sent once its user has signed in."""
    fields = await read_form(request, MAX_FORM) if is_form(request) else {}
    if not is_csrf_verified(request, fields):
        return await lead_to_sign_in(request)
    note_refusal(request.scope, Unauthorized())
    shown = {"name": fields.get("name", ""), "account": fields.get("account", ""), "errors": {}, "is_signed_out": True}
    return form_page(request, "account.html", Unauthorized.status, {**NOTHING_SAID, **shown})


async def _change_profile(request: Request, found: BrowserSession) -> Response:
    """Change the name, in the browser's cookie too."""
    fields = await read_form(request, MAX_FORM)
    try:
        verify_form(request, fields)
        if fields.get("account") != str(found.user.id):
            raise Forbidden(OTHER_ACCOUNT)
        renamed = await rename(request, found, validate(AccountChange, {"name": fields.get("name", "")}).name)
    except REFUSALS as refusal:
        return account_page(request, found, "account.html", refusal, name=fields.get("name", ""), account=found.user.id)
    _, cookies = seal_session(request, renamed)
    return add_cookies(lead_on(request, "/account", "renamed"), cookies)


change_profile = signed_in(_change_profile, otherwise=show_name_again)


@signed_in
async def show_password(request: Request, found: BrowserSession) -> Response:
    """Show the form for a new password."""
    return await _guarded_page(request, found, "account_password.html")


@signed_in
async def change_password(request: Request, found: BrowserSession) -> Response:
    """Change the password; all other sessions end."""
    fields, client = await read_form(request, MAX_FORM), identify_client(request)
    try:
        verify_form(request, fields)
        # A form for the first password has no field for the current one, by which a second click must not be judged.
        wanted = validate(PasswordChange, {name: fields[name] for name in PASSWORDS if name in fields})
        await change_password_once(parts_of(request).accounts, found.user, wanted, found.session, client)
    except (*REFUSALS, Unauthorized) as refusal:
        return await _guarded_page(request, found, "account_password.html", refusal)
    return lead_on(request, "/account/password", "changed")


@signed_in
async def show_devices(request: Request, found: BrowserSession) -> Response:
    """Show the devices on which the user is signed in, this one first."""
    return await _devices_page(request, found)


@signed_in
async def end_device(request: Request, found: BrowserSession) -> Response:
    """End one of the user's sessions; it does not matter if it is over already."""
    fields, client = await read_form(request, MAX_FORM), identify_client(request)
    session_id = read_session_id(request.path_params["sid"])
    try:
        verify_form(request, fields)
    except Forbidden as refusal:
        return await _devices_page(request, found, refusal)
    if session_id is not None:
        await parts_of(request).sessions.end(session_id, Ending.ENDED_BY_USER, client, user_id=found.user.id)
    return lead_on(request, "/account/sessions", "ended")


@signed_in
async def end_other_devices(request: Request, found: BrowserSession) -> Response:
    """End all sessions of the user but this one."""
    fields, client = await read_form(request, MAX_FORM), identify_client(request)
    try:
        verify_form(request, fields)
    except Forbidden as refusal:
        return await _devices_page(request, found, refusal)
    await parts_of(request).sessions.end_others(found.user, found.session.id, client)
    return lead_on(request, "/account/sessions", "others")


@signed_in
async def show_deletion(request: Request, found: BrowserSession) -> Response:
    """Show what deleting the account means, and ask for the password, or a recent sign-in."""
    return await _guarded_page(request, found, "account_delete.html")


async def confirm_deletion(request: Request) -> Response:
    """Confirm the deletion to the browser of a user who no longer exists; lead others to the sign-in page."""
    user_id = find_user_id(request)
    if user_id is None or not await is_gone(parts_of(request).accounts, user_id):
        return await lead_to_sign_in(request)
    return _say_deleted(request)


async def _delete_account(request: Request, found: BrowserSession) -> Response:
    """Delete the account and make the browser forget it."""
    fields, client = await read_form(request, MAX_FORM), identify_client(request)
    try:
        verify_form(request, fields)
        offered = validate(Password, {"password": fields.get("password", "")})
        await delete_once(parts_of(request).accounts, found.user, found.session, offered.password, client)
    except (*REFUSALS, Unauthorized) as refusal:
        return await _guarded_page(request, found, "account_delete.html", refusal)
    return _say_deleted(request)


delete_account = signed_in(_delete_account, otherwise=confirm_deletion)


def _say_deleted(request: Request) -> Response:
    notice = "account-deleted" if OurPage.POSTS in list_lacking(request.scope) else "deleted"
    return add_cookies(redirect(sign_in_url(request, notice=notice)), clear_session(request))


def _get_page(request: Request) -> str:
    """Return the path to come back to: the requested page, or, for a code that was sent, the page with its field.

    After any other form, the first page.
    """
    path: str = request.scope["path"]  # never from ``request.url``, which is built from the Host header
    if request.method in ("GET", "HEAD"):
        return path
    return "/account/email" if path.startswith("/account/email") else "/account"


def lead_on(request: Request, path: str, done: str) -> Response:
    """Return the answer to a form of a page that was done, which the page then says."""
    return redirect(f"{lead_from(request)}{path}?done={done}")


async def _devices_page(request: Request, found: BrowserSession, refusal: Refusal | None = None) -> Response:
    devices = await parts_of(request).sessions.list_devices(found.user.id, None, MOST_DEVICES)
    ordered = sorted(devices, key=lambda device: device.session_id != found.session.id)
    about = {"devices": ordered, "current": found.session.id, "describe_device": describe_device}
    return account_page(request, found, "account_sessions.html", refusal, **about)


async def _guarded_page(
    request: Request, found: BrowserSession, template: str, refusal: Refusal | None = None
) -> Response:
    """Return a page whose form asks for the password, or where there is none, for a recent sign-in."""
    proven = await parts_of(request).accounts.get_reauthentication(found.user, found.session)
    return account_page(request, found, template, refusal, **ask_for_proof(refusal), proven=proven)


def ask_for_proof(refusal: Refusal | None) -> dict[str, object]:
    """Return what a page shows that asks to sign in again: that is no problem to tell of."""
    return {"problem": None} if isinstance(refusal, Unauthorized) else {}


def account_page(
    request: Request, found: BrowserSession, template: str, refusal: Refusal | None = None, **about: object
) -> Response:
    """Return an account page, with the refusal, if there was one."""
    mail = parts_of(request).mail
    shown = {
        "is_signed_out": False,
        "user": found.user,
        "notice": None if refusal else DONE.get(request.query_params.get("done", "")),
        "proves": mail is not None and mail.verification != "off",
        **about,
    }
    return answer_form(request, template, shown, refusal)
