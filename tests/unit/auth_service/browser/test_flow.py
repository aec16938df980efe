"""The flow cookie: what a browser has that asked for a code."""

import pytest
from starlette.requests import Request

from auth_service.app import create_app
from auth_service.browser.flow import keep_flow
from auth_service.clients import find_flow
from auth_service.mail.codes import make_token
from shared.observing.metrics import Metrics
from tests.support.services import auth_settings

NOWHERE = "postgresql://nowhere/auth"
PLAIN = create_app(auth_settings(NOWHERE), Metrics())
SECURE = create_app(auth_settings(NOWHERE, nextauth_url="https://example.com"), Metrics())


def request_with(cookie: str, app: object = PLAIN) -> Request:
    """Return a request with these cookies."""
    return Request({"type": "http", "path": "/", "headers": [(b"cookie", cookie.encode())], "app": app})


def test_a_browser_keeps_its_flow() -> None:
    """A browser without a flow is given one; with one it keeps that, and is told so again, for another day."""
    flow, (cookie,) = keep_flow(request_with("theme=dark"))
    name_and_value = cookie.partition(";")[0]
    assert name_and_value == f"gatepost.flow={flow}"
    assert find_flow(request_with(name_and_value)) == flow
    again, (renewed,) = keep_flow(request_with(f"theme=dark; {name_and_value}"))
    assert (again, renewed.partition(";")[0]) == (flow, name_and_value)


def test_two_browsers_have_two_flows() -> None:
    """No browser is given the flow of another."""
    assert keep_flow(request_with(""))[0] != keep_flow(request_with(""))[0]


@pytest.mark.parametrize("value", ["", "x", "x" * 42, "x" * 44, "é" * 43, "x" * 42 + "."])
def test_what_is_no_flow_is_replaced(value: str) -> None:
    """A cookie that can't be ours is none."""
    request = request_with(f"gatepost.flow={value}")
    assert find_flow(request) is None
    assert keep_flow(request)[0] != value


def test_the_cookie_belongs_to_this_host() -> None:
    """No script reads it and no form of another site sends it; under https no neighbour sets it (ASVS 5.0, 3.3)."""
    _, (plain,) = keep_flow(request_with("", PLAIN))
    _, (secure,) = keep_flow(request_with("", SECURE))
    assert plain.endswith("; HttpOnly; SameSite=Lax")
    assert secure.startswith("__Host-gatepost.flow=")
    assert secure.endswith("; HttpOnly; Secure; SameSite=Lax")
    assert "; Path=/; " in secure
    assert find_flow(request_with(f"gatepost.flow={make_token()}", SECURE)) is None
