"""What all forms of the pages have in common: the csrf token, what is said of a refusal, and where they lead.

A form that is refused is shown again, each error beside its field, with everything that was typed except passwords.
"""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from auth_service.browser.cookies import add_cookies, has_csrf_cookie, is_csrf_verified, offer_csrf_token
from auth_service.parts import parts_of
from shared.errors import AppError, Forbidden, Invalid, Throttled, Unavailable
from shared.language.sentences import Sentence
from shared.web.pages import content_security_policy, render_page
from shared.web.sites import LONGEST_QUERY

TEMPLATES = Path(__file__).parent / "templates"
MAX_FORM = 8192  # bytes: a password of 1024 bytes may take three times as many in a form
MAX_LEADING_FORM = 32_768  # for one that also says where to go afterwards, in up to 8192 bytes

EXPIRED_FORM = Sentence(
    "This form is out of date: it was open for long, or another tab was opened since. Please send it again."
)
COOKIES_WANTED = Sentence("Your browser sent no cookies. Allow cookies for this site, then send the form again.")
TOO_MANY_ATTEMPTS = Sentence("Too many attempts.")  # another sentence says when to try again, as with the next
UNAVAILABLE = Sentence("The service is not available right now.")


def show(request: Request, template: str, status: int, shown: Mapping[str, object]) -> Response:
    """Return a page of this service's templates, with what it shows."""
    return render_page(request.scope, template, folder=TEMPLATES, status=status, headers=None, **shown)


def form_page(
    request: Request, template: str, status: int, shown: Mapping[str, object], led_to: tuple[str, ...] = ()
) -> Response:
    """Return a page with forms, each of which carries the browser's csrf token.

    Their answers may lead to the origins that they are ``led_to``, and to the site that they lead back to.
    """
    (token, cookies), parts = offer_csrf_token(request), parts_of(request)
    about = {"csrf_token": token, "mail": parts.mail, "has_providers": parts.providers is not None}
    page = show(request, template, status, {**about, **shown})
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


def redirect(url: str) -> Response:
    """Return a redirect that is always followed with GET, to a URL from ``safe_redirect`` or one that we made."""
    return Response(status_code=303, headers={"Location": url})


def lead_back(callback_url: str) -> dict[str, object]:
    """Return what leads a form, and its link to another form, to a page afterwards; too long a link goes without."""
    query = f"?callbackUrl={quote(callback_url, safe='')}"
    return {"callback_url": callback_url, "callback_query": query if len(query) <= LONGEST_QUERY else ""}
