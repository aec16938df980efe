"""The pages of the auth service: sign in, sign out, and what went wrong. Plain HTML forms that need no script.

A form that is refused is shown again, each error beside its field, with everything that was typed except passwords. A
form that sets cookies is shown under the public name (``public_name``), for which they are valid.
"""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from auth_service.errors import (
    EmailUnproven,
    NoAccountMade,
    NotLinked,
    ProviderDeclined,
    ProviderDown,
    ProviderRefused,
)
from auth_service.parts import parts_of
from auth_service.tables.users import User
from auth_service.web.browser import (
    add_cookies,
    choose_callback_url,
    find_browser_session,
    has_csrf_cookie,
    is_csrf_verified,
    note_reader,
    offer_csrf_token,
    remember_callback_url,
    seal_session,
)
from auth_service.web.first_page import choose_after_sign_in, choose_first_page
from auth_service.web.public_name import at_public_name, lead_from
from shared.errors import AppError, Forbidden, Invalid, Throttled, Unavailable
from shared.language.sentences import Sentence
from shared.tokens.protocol import MISSING_CSRF, WRONG_CREDENTIALS
from shared.web.pages import SIGN_IN, content_security_policy, render_page
from shared.web.sites import LONGEST_QUERY

TEMPLATES = Path(__file__).parent / "templates"
MAX_FORM = 8192  # bytes: a password of 1024 bytes may take three times as many in a form
MAX_LEADING_FORM = 32_768  # for one that also says where to go afterwards, in up to 8192 bytes

EXPIRED_FORM = Sentence("This form was open for too long. Please send it again.")
COOKIES_WANTED = Sentence("Your browser sent no cookies. Allow cookies for this site, then send the form again.")
SIGN_IN_AGAIN = Sentence("Please sign in again to go on.")
TOO_MANY_ATTEMPTS = Sentence("Too many attempts.")  # another sentence says when to try again, as with the next
UNAVAILABLE = Sentence("The service is not available right now.")
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
    return _page(request, "notice.html", status, {"heading": heading, "text": text, "leads_on": leads_on})


def form_page(
    request: Request, template: str, status: int, shown: Mapping[str, object], led_to: tuple[str, ...] = ()
) -> Response:
    """Return a page with forms, each of which carries the browser's csrf token.

    Their answers may lead to the origins that they are ``led_to``, and to the site that they lead back to.
    """
    (token, cookies), parts = offer_csrf_token(request), parts_of(request)
    about = {"csrf_token": token, "mail": parts.mail, "has_providers": parts.providers is not None}
    page = _page(request, template, status, {**about, **shown})
    back = urlsplit(str(shown.get("callback_url", "")))
    led_to += tuple(origin for origin in parts.sites.others if origin == f"{back.scheme}://{back.netloc}")
    if led_to:
        page.headers["Content-Security-Policy"] = content_security_policy(led_to)
    return add_cookies(page, cookies)


def explain_csrf(request: Request) -> Sentence:
    """Return why a form's csrf token was refused: the browser keeps no cookies, or has got another token since."""
    return EXPIRED_FORM if has_csrf_cookie(request) else COOKIES_WANTED


def verify_form(request: Request, fields: Mapping[str, str]) -> None:
    """Refuse a form that does not come from a page of ours in this very browser."""
    if not is_csrf_verified(request, fields):
        raise Forbidden(explain_csrf(request))


def answer_form(
    request: Request, template: str, shown: Mapping[str, object], refusal: AppError | None = None
) -> Response:
    """Return a page with forms: after a refusal with what is wrong with a field, or with all of it, and the wait."""
    errors = refusal.fields if isinstance(refusal, Invalid) else {}
    problem, retry_after = (None if refusal is None or errors else refusal.message), None
    if isinstance(refusal, Throttled | Unavailable):
        problem, retry_after = explain_later(refusal), refusal.retry_after
    explained = {"errors": errors, "problem": problem, "retry_after": retry_after}
    page = form_page(request, template, refusal.status if refusal else 200, {**explained, **shown})
    page.headers.update(refusal.headers if refusal else {})
    return page


def explain_later(error: Throttled | Unavailable) -> Sentence:
    """Return the reason to try again later."""
    return TOO_MANY_ATTEMPTS if isinstance(error, Throttled) else UNAVAILABLE


def sign_in_url(request: Request, *, callback_url: str | None = None, notice: str | None = None) -> str:
    """Return the address of the sign-in page, with a page of ours to go to afterwards, or the reason to show it."""
    wanted = {"callbackUrl": callback_url, "notice": notice}
    query = urlencode({name: value for name, value in wanted.items() if value is not None})
    return f"{lead_from(request)}/api/auth/signin?{query}"


def redirect(url: str) -> Response:
    """Return a redirect that is always followed with GET, to a URL from ``safe_redirect`` or one that we made."""
    return Response(status_code=303, headers={"Location": url})


def signed_in_page(request: Request, callback_url: str, user: User) -> Response:
    """Return the page for somebody who wants to sign in or up and is signed in."""
    is_loop = urlsplit(callback_url).path.startswith(("/api/auth", "/signup"))
    first_page = choose_first_page(request)
    next_url = callback_url if not is_loop else "" if first_page == SIGN_IN else first_page
    notice = SIGNED_IN_NOTICES.get(request.query_params.get("notice", ""))
    return _page(request, "signed_in.html", 200, {"user": user, "next_url": next_url, "notice": notice})


def lead_back(callback_url: str) -> dict[str, object]:
    """Return what leads a form, and its link to another form, to a page afterwards; too long a link goes without."""
    query = f"?callbackUrl={quote(callback_url, safe='')}"
    return {"callback_url": callback_url, "callback_query": query if len(query) <= LONGEST_QUERY else ""}


def _page(request: Request, template: str, status: int, shown: Mapping[str, object]) -> Response:
    return render_page(request.scope, template, folder=TEMPLATES, status=status, headers=None, **shown)
