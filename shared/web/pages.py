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
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from starlette.responses import HTMLResponse
from starlette.types import Scope

from shared.language.languages import choose_language
from shared.language.templates import Templates
from shared.language.translations import translate
from shared.observing.request_context import record_of
from shared.web.error_pages import say_wait
from shared.web.sites import LONGEST_QUERY

HERE = Path(__file__).parent
ASSETS = HERE / "assets"
SIGN_IN, SIGN_UP = "/api/auth/signin", "/signup"
NOT_LED_BACK_TO = ("", SIGN_UP, "/signup/code", "/forgot", "/forgot/code")


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
    ``callback_query`` leading back, by default to the page itself.
    """
    language, name = read_language(scope), record_of(scope).user_name
    about = {"method": scope.get("method", "GET"), "path": scope.get("path", ""), "callback_query": _lead_back(scope)}
    shown = {**about, "user": {"name": name} if name else None, "status": status, **context}
    text = _load_templates(folder, language).render(template, shown)
    caching = {"Cache-Control": "no-store", "Content-Language": language, "Vary": "Accept-Language"}
    return HTMLResponse(text, status_code=status, headers={**caching, **(headers or {})})


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
    return f"/assets/{name}?v={hashlib.sha256((ASSETS / name).read_bytes()).hexdigest()[:8]}"


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
def _load_templates(folder: Path | None, language: str) -> Templates:
    folders = [HERE / "templates"] if folder is None else [folder, HERE / "templates"]
    assets = {asset.name: _asset_url(asset.name) for asset in ASSETS.iterdir()}
    return Templates(
        folders,
        language,
        escapes=True,
        names={"assets": assets, "script_hash": hash_asset("gatepost.js")},
        filters={"wait": lambda seconds: translate(say_wait(seconds), language)},
    )
