"""Pages: made from templates, everything escaped, nothing kept."""

from pathlib import Path

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Scope

from shared.pages import ASSETS, CONTENT_SECURITY_POLICY, HERE, render_page

SCOPE: Scope = {"type": "http", "headers": []}


def test_page_of_this_package() -> None:
    """A page has its status, is HTML and is not cached."""
    page = render_page(SCOPE, "error.html", status=404, message="There is nothing here")

    assert page.status_code == 404
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-store"
    assert b"There is nothing here" in page.body


def test_page_of_a_service(tmp_path: Path) -> None:
    """A service's pages stand in its own folder and extend the base of this package."""
    (tmp_path / "own.html").write_text('{% extends "base.html" %}{% block content %}{{ name }}{% endblock %}')
    page = render_page(SCOPE, "own.html", folder=tmp_path, name="<Ada>", headers={"Cache-Control": "max-age=1"})

    assert b"&lt;Ada&gt;" in page.body
    assert b"Skip to the content" in page.body
    assert page.headers["cache-control"] == "max-age=1"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_printed_is_escaped(message: str) -> None:
    """No text can leave its place on a page."""
    body = bytes(render_page(SCOPE, "error.html", status=400, message=message).body).decode()
    usual = bytes(render_page(SCOPE, "error.html", status=400, message="").body).decode()

    assert body.count("<") == usual.count("<")
    assert body.count('"') == usual.count('"')


def test_name_that_is_not_given() -> None:
    """A template that names what it was not given fails, rather than print nothing."""
    with pytest.raises(jinja2.UndefinedError):
        render_page(SCOPE, "error.html", status=400)


def test_nothing_is_marked_safe_and_nothing_runs() -> None:
    """No template switches escaping off, and no page needs a script or a style of its own."""
    for template in [*HERE.parent.glob("*/templates/*.html")]:
        text = template.read_text()
        for word in ("|safe", "| safe", "autoescape", "<script", "<style", "style=", "onclick", "javascript:"):
            assert word not in text, f"{template} holds {word}"
    assert "script-src" not in CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY


def test_assets_are_there() -> None:
    """What every page links to is in the assets."""
    assert {"gatepost.css", "gatepost.svg"} <= {asset.name for asset in ASSETS.iterdir()}
