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

from shared.observing.request_context import record_of
from shared.web.error_pages import Words
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
