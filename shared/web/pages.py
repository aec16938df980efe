"""HTML pages: one environment for templates, one look, one content security policy.

A service's pages extend ``base.html`` of this package and live in its own ``templates/`` folder. Everything that a
template prints is escaped; nothing here or there is marked safe. A page works without any script. There is one script,
``assets/gatepost.js``, which converts times to the reader's time zone and shows a password on request; the policy names
it by its hash, so no other runs, wherever it comes from. A page is in its reader's preferred language: fixed texts
through ``_``, sentences from the code through ``translated``, moments through ``moment``.
"""

import base64
import functools
import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit

from starlette.responses import HTMLResponse
from starlette.types import Scope

from shared.language.languages import choose_language
from shared.language.templates import Templates
from shared.language.translations import OURS, translate
from shared.observing.request_context import record_of
from shared.web.branding import ASSETS_PATH, PLAIN, Branding
from shared.web.error_pages import say_wait
from shared.web.lacking import OurPage, list_lacking
from shared.web.sites import LONGEST_QUERY

HERE = Path(__file__).parent
ASSETS = HERE / "assets"
SIGN_IN, SIGN_UP = "/api/auth/signin", "/signup"
NOT_LED_BACK_TO = ("", SIGN_UP, "/signup/code", "/forgot", "/forgot/code")
NOT_GONE_BACK_TO = ("//", "/\\", "/api/")


def render_page(
    scope: Scope,
    template: str,
    *,
    folder: Path | None = None,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **context: object,
) -> HTMLResponse:
    """Render a template of ``folder`` (or of this package) as a page, never cached unless ``headers`` say so.

    The header names ``user``, by default the one in the request's record, and links to the sign-in page, with
    ``callback_query`` leading back, by default to the page itself. ``lacks`` is what no page may link to (``lacking``),
    ``home`` where the way on begins.
    """
    language, name = read_language(scope), record_of(scope).user_name
    branding, lacks = branding_of(scope), list_lacking(scope)
    about = {"method": scope.get("method", "GET"), "path": scope.get("path", ""), "callback_query": _lead_back(scope)}
    around = {"lacks": lacks, "home": choose_home(branding, lacks), "user": {"name": name} if name else None}
    shown = {**about, **around, "status": status, "back": "", **context}
    text = _load_templates(folder, language, branding).render(template, shown)
    caching = {"Cache-Control": "no-store", "Content-Language": language, "Vary": "Accept-Language"}
    return HTMLResponse(text, status_code=status, headers={**caching, **(headers or {})})


def branding_of(scope: Scope) -> Branding:
    """Return whose pages these are, which the application that answers knows."""
    branding: Branding = getattr(getattr(scope.get("app"), "state", None), "branding", PLAIN)
    return branding


def choose_home(branding: Branding, lacks: Collection[str]) -> str:
    """Return the page to go on from: the one at ``/``, else the first one after signing in, else the sign-in page."""
    if OurPage.HOME not in lacks:
        return "/"
    first = branding.first_page
    return SIGN_IN if first is None or first in lacks else first


def read_language(scope: Scope) -> str:
    """Return the language for a request's page."""
    return choose_language(", ".join(v.decode("latin-1") for name, v in scope["headers"] if name == b"accept-language"))


@functools.cache
def content_security_policy(led_to: tuple[str, ...] = ()) -> str:
    """Return what a page may load and do (Content Security Policy, level 3): only our own, and exactly one script.

    Its forms may be answered by a redirect to our own origin, and to those that they are ``led_to``.
    """
    forms = " ".join(("'self'", *led_to))
    return (
        f"default-src 'none'; style-src 'self'; img-src 'self'; script-src '{hash_asset('gatepost.js')}'; "
        f"form-action {forms}; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
    )


@functools.cache
def hash_asset(name: str) -> str:
    """Return the hash of an asset as policies and ``integrity`` write it (Subresource Integrity, section 3.1)."""
    return "sha256-" + base64.b64encode(hashlib.sha256((ASSETS / name).read_bytes()).digest()).decode()


def _asset_url(name: str) -> str:
    """Return the address of an asset, which changes with its content: no browser mixes old and new after an upgrade."""
    return f"{ASSETS_PATH}/{name}?v={hashlib.sha256((ASSETS / name).read_bytes()).hexdigest()[:8]}"


def read_page_before(scope: Scope) -> str:
    """Return the page of this site from which a browser came here; empty if it does not say, or came from this one."""
    sent = {name: value.decode("latin-1") for name, value in scope["headers"] if name in (b"host", b"referer")}
    try:
        page = urlsplit(sent.get(b"referer", ""))
    except ValueError:
        return ""
    is_here = page.netloc == sent.get(b"host", "") and page.path.startswith("/")
    if not is_here or page.path == scope["path"] or page.path.startswith(NOT_GONE_BACK_TO):
        return ""
    return f"{page.path}?{page.query}" if page.query else page.path


def _lead_back(scope: Scope) -> str:
    """Return the query with which the sign-in page leads back to a page; empty if there is no way back to it."""
    path: str = scope.get("path", "")
    query: bytes = scope.get("query_string", b"")
    written = quote(path, safe="/:@!$&'()*+,;=")
    wanted = f"{written}?{query.decode('latin-1')}" if query else written
    is_own = path.removesuffix("/") in NOT_LED_BACK_TO or path.startswith("/api/")
    if is_own or scope.get("method", "GET") not in ("GET", "HEAD"):
        return ""
    way_back = f"?callbackUrl={quote(wanted, safe='')}"
    return way_back if len(way_back) <= LONGEST_QUERY else ""


@functools.cache
def _load_templates(folder: Path | None, language: str, branding: Branding) -> Templates:
    folders = [HERE / "templates"] if folder is None else [folder, HERE / "templates"]
    own = branding.texts.get(language, OURS)
    assets = {asset.name: _asset_url(asset.name) for asset in ASSETS.iterdir()}
    return Templates(
        folders,
        language,
        escapes=True,
        names={"assets": assets, "script_hash": hash_asset("gatepost.js"), "brand": branding},
        filters={"wait": lambda seconds: translate(say_wait(seconds), language, own)},
        own=own,
    )
