"""The client ``examples/python-client``: started as a program, and used as a class."""

import importlib.util
import os
import subprocess
import sys
from typing import Any
from urllib.error import HTTPError

import httpx2
import pytest

from tests.support.forged_tokens import let_run_out
from tests.support.people import PASSWORD, Person
from tests.support.running_stack import ROOT, StackUrls

PROGRAM = ROOT / "examples" / "python-client" / "client.py"


def run(stack: StackUrls, email: str, password: str) -> "subprocess.CompletedProcess[str]":
    """Return what the program came to."""
    settings = {"GATEPOST_URL": stack.gateway, "EMAIL": email, "PASSWORD": password}
    command = [sys.executable, PROGRAM]
    return subprocess.run(
        command, env={**os.environ, **settings}, capture_output=True, text=True, timeout=30, check=False
    )


async def test_it_reads_and_signs_out(stack: StackUrls, client: httpx2.AsyncClient, ada: Person) -> None:
    """The program prints the titles of one's own posts, and leaves no session behind."""
    await client.post("/api/posts", json={"title": "Notes on the engine"}, headers=ada.bearer)
    done = run(stack, ada.email, PASSWORD)
    assert (done.stdout, done.stderr, done.returncode) == ("Notes on the engine\n", "", 0)
    (session,) = (await client.get("/api/me/sessions", headers=ada.bearer)).json()
    assert session["current"]


def test_a_refusal_is_told(stack: StackUrls, ada: Person) -> None:
    """With a wrong password the program ends with the service's own sentence."""
    done = run(stack, ada.email, "not the password")
    assert (done.stdout, done.returncode) == ("", 1)
    assert done.stderr.startswith("401: ")


def test_it_renews(stack: StackUrls, ada: Person) -> None:
    """When the access token has run out, the class exchanges the refresh token, time and again."""
    session = load().Gatepost(stack.gateway, ada.email, PASSWORD)
    for _ in range(2):
        session.tokens["accessToken"] = let_run_out(session.tokens["accessToken"])
        assert session.ask("POST", "/api/posts", {"title": "Still here"})["title"] == "Still here"
    assert len(session.ask("GET", f"/api/user/{ada.id}")) == 2


def test_a_session_that_has_ended_is_over(stack: StackUrls, ada: Person) -> None:
    """After signing out nothing is renewed."""
    session = load().Gatepost(stack.gateway, ada.email, PASSWORD)
    assert session.ask("POST", "/api/logout") is None
    with pytest.raises(HTTPError) as refused:
        session.ask("GET", "/api/me")
    assert refused.value.code == 401
    refused.value.close()


def load() -> Any:
    """Return the program as a module."""
    spec = importlib.util.spec_from_file_location("python_client", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
