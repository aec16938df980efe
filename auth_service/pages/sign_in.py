"""The pages of the auth service: sign in, sign out, and what went wrong. Plain HTML forms that need no script.

A form that sets cookies is shown under the public name (``browser.public_name``), for which they are valid.
"""

from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from auth_service.browser.cookies import (
    add_cookies,
    choose_callback_url,
    find_browser_session,
    note_reader,
    remember_callback_url,
    seal_session,
)
from auth_service.browser.first_page import choose_after_sign_in, choose_first_page
from auth_service.browser.public_name import at_public_name, lead_from
from auth_service.errors import (
    EmailUnproven,
    NoAccountMade,
    NotLinked,
    ProviderDeclined,
    ProviderDown,
    ProviderRefused,
)
from auth_service.pages.forms import (
    EXPIRED_FORM,
    TOO_MANY_ATTEMPTS,
    UNAVAILABLE,
    explain_csrf,
    form_page,
    lead_back,
    redirect,
    show,
)
from auth_service.parts import parts_of
from auth_service.tables.users import User
from shared.language.sentences import Sentence
from shared.tokens.protocol import MISSING_CSRF, WRONG_CREDENTIALS
from shared.web.pages import SIGN_IN

SIGN_IN_AGAIN = Sentence("Please sign in again to go on.")
UNPROVEN = "EmailUnproven"  # ours
SIGN_IN_ERRORS = {
    WRONG_CREDENTIALS: Sentence("That e-mail address or password is not right."),
    MISSING_CSRF: EXPIRED_FORM,
    "EmailSignin": Sentence("That is not an e-mail address."),
    "OAuthSignin": Sentence(ProviderDown.sentence),
    "OAuthCallback": Sentence(ProviderRefused.sentence),
    "OAuthAccountNotLinked": Sentence(NotLinked.sentence),
    "OAuthCreateAccount": Sentence(NoAccountMade.sentence),
    "Callback": Sentence(ProviderDeclined.sentence),
    UNPROVEN: Sentence(EmailUnproven.sentence),
    "TooManyAttempts": TOO_MANY_ATTEMPTS,
    "Unavailable": UNAVAILABLE,
}
SIGN_IN_REASONS = {"SessionRequired": Sentence("Please sign in to see this page.")}
SIGN_IN_NOTICES = {
    "signed-up": Sentence("Your address is confirmed and your account is ready. Sign in with your password."),
    "deleted": Sentence("Your account and your posts were deleted."),
    "account-deleted": Sentence("Your account was deleted."),
    "signed-out": Sentence("You are signed out."),
    "again": Sentence("Once you are signed in, go back to the tab with what you typed and press the button again."),
    "reset": Sentence("Your password was changed. Sign in with the new one."),
    "typed": Sentence("Once you are signed in, go back to the tab with what you typed and press Save again."),
}
SIGNED_IN_NOTICES = {
    "typed": Sentence("Now go back to the tab with what you typed and press Save again."),
    "again": Sentence("Now go back to the tab with what you typed and press the button again."),
}
UNKNOWN_SIGN_IN_ERROR = Sentence("Signing in did not work. Please try again.")
NOTICES = {
    "Configuration": (
        500,
        Sentence("Sign-in is not set up correctly"),
        Sentence("Whoever runs this site can find the reason in the server's log."),
    ),
    "AccessDenied": (
        403,
        Sentence("You can't sign in with this account"),
        Sentence("Try another account, or ask whoever runs this site."),
    ),
    "Verification": (
        403,
        Sentence("This link no longer works"),
        Sentence("It was used already, or it is too old. Ask for a new one."),
    ),
}
UNKNOWN_NOTICE = (200, Sentence("Something went wrong"), Sentence("Please try again."))
LINK_SENT = (
    200,
    Sentence("Check your e-mail"),
    Sentence("We have sent you an e-mail with a link. Open it within ten minutes to sign in."),
)
NO_LINKS = (200, Sentence("No e-mail was sent"), Sentence("Here you sign in with your password, not by a link."))


@at_public_name
async def show_sign_in(request: Request) -> Response:
    """Show the sign-in form; a signed-in user is led on, unless they are to prove again who they are."""
    callback_url = choose_after_sign_in(request)
    if "login" in request.query_params.get("prompt", "").split():  # OpenID Connect Core, section 3.1.2.1
        return sign_in_page(request, callback_url, reason=SIGN_IN_AGAIN)
    found = await find_browser_session(request)
    if found is None:
        return sign_in_page(request, callback_url, error=parts_of(request).protocol.read_error(request.query_params))
    _, cookies = seal_session(request, found)
    if found.is_renewed:
        # Sent here only because the access token in the cookie had expired. With a valid one there can be no loop.
        return add_cookies(redirect(callback_url), cookies)
    return add_cookies(signed_in_page(request, callback_url, found.user), cookies)


def sign_in_page(
    request: Request,
    callback_url: str,
    *,
    status: int = 200,
    typed: Mapping[str, str] | None = None,
    error: str | None = None,
    retry_after: int | None = None,
    reason: str | None = None,
) -> Response:
    """Return the sign-in page; ``error`` is next-auth's name of what went wrong, ``reason`` says why it is shown."""
    reason = reason or SIGN_IN_REASONS.get(error or "")
    problem = SIGN_IN_ERRORS.get(error, UNKNOWN_SIGN_IN_ERROR) if error and reason is None else None
    shown = {
        "ways": parts_of(request).ways,
        "typed": typed or {},
        "problem": explain_csrf(request) if error == MISSING_CSRF else problem,
        "is_wrong": error == WRONG_CREDENTIALS,
        "is_unproven": error == UNPROVEN,
        "retry_after": retry_after,
        "reason": reason,
        "notice": SIGN_IN_NOTICES.get(request.query_params.get("notice", "")),
        "is_anew": reason == SIGN_IN_AGAIN,
    }
    providers = parts_of(request).providers
    led_to = providers.origins if providers is not None else ()
    page = form_page(request, "signin.html", status, {**lead_back(callback_url), **shown}, led_to)
    return add_cookies(page, remember_callback_url(request, callback_url))


@at_public_name
async def show_sign_out(request: Request) -> Response:
    """Show the form that confirms signing out: a link alone must not sign anybody out."""
    note_reader(request)
    return sign_out_page(request)


def sign_out_page(request: Request, *, status: int = 200, problem: str | None = None) -> Response:
    """Return the form that confirms signing out. It leads to the first page unless the query asks for another."""
    is_asked = "callbackUrl" in request.query_params
    callback_url = choose_callback_url(request, {}) if is_asked else parts_of(request).public_url
    return form_page(request, "signout.html", status, {**lead_back(callback_url), "problem": problem})


def notice_page(request: Request, status: int, heading: str, text: str, *, leads_on: bool = True) -> Response:
    """Return a page with nothing but a message, and a link to the sign-in page unless there is something else to do."""
    note_reader(request)
    return show(request, "notice.html", status, {"heading": heading, "text": text, "leads_on": leads_on})


def sign_in_url(request: Request, *, callback_url: str | None = None, notice: str | None = None) -> str:
    """Return the address of the sign-in page, with a page of ours to go to afterwards, or the reason to show it."""
    wanted = {"callbackUrl": callback_url, "notice": notice}
    query = urlencode({name: value for name, value in wanted.items() if value is not None})
    return f"{lead_from(request)}/api/auth/signin?{query}"


def signed_in_page(request: Request, callback_url: str, user: User) -> Response:
    """Return the page for somebody who wants to sign in or up and is signed in."""
    is_loop = urlsplit(callback_url).path.startswith(("/api/auth", "/signup"))
    first_page = choose_first_page(request)
    next_url = callback_url if not is_loop else "" if first_page == SIGN_IN else first_page
    notice = SIGNED_IN_NOTICES.get(request.query_params.get("notice", ""))
    return show(request, "signed_in.html", 200, {"user": user, "next_url": next_url, "notice": notice})
