"""Pages: made from templates, everything escaped, nothing cached."""

import base64
import hashlib
import re
from pathlib import Path

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Scope

from shared.errors import AppError, Forbidden, NotFound, Unauthorized
from shared.observing.request_context import record_of
from shared.web.brand_table import Link
from shared.web.branding import PLAIN, BrandFile, Branding
from shared.web.error_pages import Words, describe_error
from shared.web.error_responses import render_error
from shared.web.lacking import LACKS
from shared.web.pages import ASSETS, HERE, content_security_policy, render_page

SCOPE: Scope = {"type": "http", "headers": []}


def error_page(heading: str) -> str:
    """Return a page of this package that shows a text."""
    words = Words(heading)
    return bytes(render_page(SCOPE, "error.html", status=400, words=words, request_id="").body).decode()


def test_page_of_this_package() -> None:
    """A page has its status, is HTML and is not cached."""
    words = Words("There is nothing here")
    page = render_page(SCOPE, "error.html", status=404, words=words, request_id="12345678")

    assert page.status_code == 404
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-store"
    assert b"There is nothing here" in page.body


def test_page_of_a_service(tmp_path: Path) -> None:
    """A service's pages are in its own folder and extend the base of this package."""
    (tmp_path / "own.html").write_text('{% extends "base.html" %}{% block content %}{{ name }}{% endblock %}')
    page = render_page(SCOPE, "own.html", folder=tmp_path, name="<Ada>", headers={"Cache-Control": "max-age=1"})

    assert b"&lt;Ada&gt;" in page.body
    assert b"Skip to the content" in page.body
    assert page.headers["cache-control"] == "max-age=1"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_printed_is_escaped(message: str) -> None:
    """No text can break out of its place on a page."""
    body, usual = error_page(message), error_page("")

    assert body.count("<") == usual.count("<")
    assert body.count('"') == usual.count('"')


def test_name_that_is_not_given() -> None:
    """A template that uses an undefined name fails, rather than printing nothing."""
    with pytest.raises(jinja2.UndefinedError):
        render_page(SCOPE, "error.html", status=400)


def test_nothing_is_marked_safe_and_nothing_runs() -> None:
    """No template switches escaping off, or has a script or a style of its own; there is one script, in one place."""
    for template in [*HERE.parent.glob("*/templates/*.html"), *HERE.parent.glob("*/*/templates/*.html")]:
        text = template.read_text()
        for word in ("|safe", "| safe", "autoescape", "<style", "style=", "onclick", "javascript:"):
            assert word not in text, f"{template} holds {word}"
        assert text.count("<script") == (1 if template.name == "base.html" else 0), template
    assert "unsafe" not in content_security_policy()


def test_one_script_is_allowed_by_its_content() -> None:
    """The policy allows only the script whose hash it names, and the page names the same hash."""
    digest = base64.b64encode(hashlib.sha256((ASSETS / "gatepost.js").read_bytes()).digest()).decode()
    (allowed,) = re.findall(r"script-src ([^;]*);", content_security_policy())
    assert allowed == f"'sha256-{digest}'"
    (tag,) = re.findall(r"<script[^>]*>", error_page(""))
    assert f'integrity="sha256-{digest}"' in tag.replace("&#43;", "+")


def test_assets_change_their_address_with_their_content() -> None:
    """No browser mixes an old stylesheet with a new page: the address of each asset identifies its content."""
    for name in ("gatepost.css", "gatepost.js", "gatepost.svg"):
        version = hashlib.sha256((ASSETS / name).read_bytes()).hexdigest()[:8]
        assert f'"/_gatepost/assets/{name}?v={version}"' in error_page("")


def test_the_head_names_who_reads() -> None:
    """A page names the user in its request's record, with links to their posts, their account and signing out."""
    scope: Scope = {**SCOPE, "path": "/x"}
    record_of(scope).user_name = "Ada <King>"
    words = Words("")
    page = bytes(render_page(scope, "error.html", words=words, request_id="").body).decode()
    assert ">Ada &lt;King&gt;</span></a>" in page
    for way in ("/", "/userposts", "/userposts/new", "/account", "/api/auth/signout", "/docs"):
        assert f'href="{way}"' in page
    assert "Sign in" not in page


@pytest.mark.parametrize(
    ("method", "path", "query", "way_back"),
    [
        ("GET", "/userposts/7", b"", "?callbackUrl=%2Fuserposts%2F7"),
        ("HEAD", "/posts/7", b"a=b&c=%20", "?callbackUrl=%2Fposts%2F7%3Fa%3Db%26c%3D%2520"),
        ("GET", "/글", b"", "?callbackUrl=%2F%25EA%25B8%2580"),
        ("GET", '/"><b>', b"", "?callbackUrl=%2F%2522%253E%253Cb%253E"),
        ("GET", "/", b"", ""),
        ("GET", "/signup", b"", ""),
        ("GET", "/api/auth/error", b"", ""),
        ("POST", "/userposts/7", b"", ""),
        ("GET", "/" + "x" * 2000, b"y" * 1000, "?callbackUrl=%2F" + "x" * 2000 + "%3F" + "y" * 1000),
        ("GET", "/x", b"%" * 3000, ""),
    ],
)
def test_signing_in_leads_back(method: str, path: str, query: bytes, way_back: str) -> None:
    """The header's links to sign in and up lead back to the page, if it is one that can be returned to."""
    scope: Scope = {"type": "http", "method": method, "path": path, "query_string": query, "headers": []}
    words = Words("")
    page = bytes(render_page(scope, "error.html", words=words, request_id="").body).decode()
    assert f'href="/api/auth/signin{way_back}"' in page
    assert f'href="/signup{way_back}"' in page


def test_assets_are_there() -> None:
    """Everything that every page links to is in the assets."""
    assert {"gatepost.css", "gatepost.js", "gatepost.svg", "favicon.ico"} <= {asset.name for asset in ASSETS.iterdir()}


class Application:
    """An application as pages see it: whose they are, and what is not there."""

    def __init__(self, branding: Branding = PLAIN, *lacks: str) -> None:
        self.state = self
        self.branding = branding
        self.find_lacks = lambda _scope: frozenset(lacks)


def show(application: Application, *, name: str | None = None, language: str = "en", told: str = "") -> str:
    """Return a page of an application, to somebody with that name."""
    headers = [(b"accept-language", language.encode()), *([(LACKS, told.encode())] if told else [])]
    scope: Scope = {"type": "http", "method": "GET", "path": "/x", "headers": headers, "app": application}
    record_of(scope).user_name = name
    return bytes(render_page(scope, "error.html", status=404, words=Words("x"), request_id="").body).decode()


def list_ways(page: str) -> list[str]:
    """Return where a page links to, without assets and the link over its head."""
    return [each for each in re.findall(r'href="([^"]*)"', page) if not each.startswith(("/_gatepost", "#"))]


@pytest.mark.parametrize("name", [None, "Ada"])
def test_what_is_not_there_is_not_linked(name: str | None) -> None:
    """A page links to nothing that no rule reaches, whether the gateway says so or the application knows it."""
    lacking = ("home", "feed", "posts", "account", "sign-up", "docs")
    signed_in_or_not = "/api/auth/signout" if name else "/api/auth/signin?callbackUrl=%2Fx"
    for application, told in ((Application(PLAIN, *lacking), ""), (Application(), " ".join(lacking))):
        page = show(application, name=name, told=told)
        assert set(list_ways(page)) == {"/api/auth/signin", signed_in_or_not}
        assert "post" not in page.lower().replace("gatepost", "")
    assert "/signup" not in show(Application(PLAIN, "sign-up"))
    assert "/signup" in show(Application())


def test_the_pages_are_an_operators_own() -> None:
    """Name, links, stylesheet, logo and texts are those of the folder; ours comes first, and nothing else changes."""
    links = (
        Link("/reports", {"en": "Reports", "ko": "보고서"}, signed_in=False),
        Link("/mine", {"en": "Mine", "ko": "내"}, signed_in=True),
    )
    files = {each.name: each for each in (BrandFile("style.css", b"a {}"), BrandFile("logo.png", b"-"))}
    application = Application(Branding("Acme & Co", "/mine", links, files, {"en": {"Sign in": "<Log in>"}}))
    page = show(application)
    assert "<title>X · Acme &amp; Co</title>" in page
    assert 'alt="Acme &amp; Co"' in page
    assert "Gatepost" not in page
    assert page.index("gatepost.css") < page.index(files["style.css"].url)
    assert page.count(files["logo.png"].url) == 2
    assert 'href="/reports">Reports</a>' in page
    assert "/mine" not in page
    assert "&lt;Log in&gt;</a>" in page
    assert ">보고서</a>" in show(application, language="ko")
    assert '<a href="/mine">Mine</a>' in show(application, name="Ada")
    assert "/reports" not in show(application, told="/reports")


def test_the_first_page_stands_in_for_a_home() -> None:
    """Where nothing is at the root, the way on leads to an operator's first page, if that is there."""
    branded = Application(Branding(first_page="/mine"), "home")
    assert '<a class="brand" href="/mine">' in show(branded)
    assert '<a class="brand" href="/api/auth/signin">' in show(branded, told="/mine")


def go_on_from(status_of: AppError, headers: dict[bytes, bytes], method: str = "GET", name: str | None = None) -> str:
    """Return the buttons of an error's page."""
    sent = [(b"accept", b"text/html"), (b"host", b"example.com"), *headers.items()]
    scope: Scope = {"type": "http", "method": method, "path": "/x", "query_string": b"", "headers": sent}
    record_of(scope).user_name = name
    page = bytes(render_error(scope, status_of).body).decode()
    return page.partition('<p class="actions">')[2].partition("</p>")[0]


@pytest.mark.parametrize(
    ("referer", "back"),
    [
        ("http://example.com/reports?by=day&x=%22", "/reports?by=day&amp;x=%22"),
        ("http://example.com/", "/"),
        ("http://example.com/x", None),  # the page itself
        ("http://example.com//evil.example", None),
        ("http://example.com/\\evil.example", None),
        ("http://example.com/api/auth/callback/email?token=1", None),
        ("http://evil.example/reports", None),
        ("http://example.com@evil.example/", None),
        ("http://[", None),
        ("reports", None),
    ],
)
def test_an_error_leads_back(referer: str, back: str | None) -> None:
    """The page of an error leads back to the page of this site that the browser came from, and nowhere else."""
    buttons = go_on_from(NotFound(), {b"referer": referer.encode()})
    assert re.findall(r'href="([^"]*)">Go back', buttons) == ([back] if back is not None else [])
    assert 'href="/">Go to the home page' in buttons


def test_without_a_home_an_error_leads_to_the_account() -> None:
    """Where there is nothing at ``/``, whoever is signed in goes on from their account, if that is there."""
    account = '<a class="button" href="/account">Your account</a>'
    assert account in show(Application(PLAIN, "home"), name="Ada")
    assert account not in show(Application(PLAIN, "home", "account"), name="Ada")
    assert account not in show(Application(PLAIN, "home"))
    assert account not in show(Application(), name="Ada")


def test_a_form_sent_after_the_session_ended_can_be_sent_again() -> None:
    """The page says that nothing was saved, and signs in in another tab, so that what was typed stays in this one."""
    buttons = go_on_from(Unauthorized(), {b"referer": b"http://example.com/form"}, method="POST")
    assert buttons.count("<a ") == 1  # any other way leads to an empty form
    assert 'target="_blank"' in buttons
    assert "notice=again" in buttons
    assert describe_error(Unauthorized(), "POST").heading == "You were signed out, so this was not saved"


def test_who_may_not_see_a_page_can_sign_in_as_somebody_else() -> None:
    """A 403 offers another account to whoever is signed in, and leads back to the page."""
    way = 'href="/api/auth/signin?callbackUrl=%2Fx&amp;prompt=login"'
    assert way in go_on_from(Forbidden(), {}, name="Ada")
    assert way not in go_on_from(Forbidden(), {})
