"""What ``make run`` prints at its start leads only to what is there."""

from pathlib import Path

import pytest

from stack.greeting import write_greeting


def greet(**settings: str) -> str:
    """Return the greeting of a stack with these settings."""
    environment = {"NEXTAUTH_URL": "http://localhost:3000", **settings}
    return write_greeting(3000, {"gateway": environment, "auth_service": environment}, Path(".data"), 3.96, None)


def test_what_there_is_to_try() -> None:
    """A page, the API, and two commands that can be pasted."""
    assert (
        greet()
        == """
Gatepost runs at http://localhost:3000 (started in 4.0 s; Ctrl-C stops it; data in .data)

  in a browser   http://localhost:3000/userposts   leads to the sign-in page; sign up there
  the API        http://localhost:3000/docs
  sign up        curl -s http://localhost:3000/api/user -H 'content-type: application/json' \\
                   -d '{"name": "Ada", "email": "ada@example.com", "password": "correct horse battery"}'
  sign in        curl -s http://localhost:3000/api/login -H 'content-type: application/json' \\
                   -d '{"username": "ada@example.com", "password": "correct horse battery"}'
"""
    )


@pytest.mark.parametrize("who", ["closed", "invitation"])
def test_nobody_is_asked_to_sign_up_who_may_not(who: str) -> None:
    """Where signing up is not for everybody, it is not suggested."""
    said = greet(SIGN_UP=who)
    assert "sign up" not in said
    assert "leads to the sign-in page\n" in said


def test_a_policy_of_ones_own_may_have_neither_posts_nor_an_api() -> None:
    """Then only the sign-in page is named."""
    said = greet(GATEWAY_RULES="rules.toml", NEXTAUTH_URL="https://id.example.com/")
    assert "  in a browser   https://id.example.com/api/auth/signin   the sign-in page\n" in said
    assert not [word for word in ("userposts", "/docs", "curl") if word in said]
