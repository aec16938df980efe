"""The headers that name a caller: what they say, what they never say, and that no client can write one."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.callers.identity_headers import drop_headers, list_identity, may_name_caller
from gateway.messages.headers import HAVE_A_MEANING
from gateway.messages.raw_headers import encode_lines, split_lines
from gateway.policy.rules import About, IdentityHeader
from shared.tokens.claims import Claims

ADA = Claims(7, "Ada Łovelace", "ada@example.com", "sid", "jti", 1, 3601, roles=("admin", "writer"))
ALL = tuple(IdentityHeader(f"x-{about}", about) for about in About)
NAMES = (b"remote-user", b"x-webauth-user", b"x-employee")


def say(**claims: object) -> dict[str, str]:
    """Return what all headers say of a caller with these claims."""
    found = list_identity(ALL, dataclasses.replace(ADA, **claims))  # type: ignore[arg-type] # of their types
    return {name.decode(): value.decode() for name, value in found}


def test_what_they_say() -> None:
    """The id in digits, the name in UTF-8, the roles in one list; the address only as what it is."""
    assert say() == {
        "x-id": "7",
        "x-unproven-email": "ada@example.com",
        "x-name": "Ada Łovelace",
        "x-roles": "admin,writer",
    }
    assert say(email_verified=True)["x-email"] == "ada@example.com"


def test_what_has_no_value_is_not_there() -> None:
    """Nobody's roles are no empty text: an application could take that for a name of a group."""
    assert "x-roles" not in say(roles=())
    assert "x-email" not in say()


@pytest.mark.parametrize("name", ["Ada\r\nX-Admin: yes", "Ada\n", "A\0", "\x7f", "\ud800"])
def test_no_value_ends_its_line(name: str) -> None:
    """A value with a control character, or that is no text, is none: it could be read as a header of its own."""
    assert "x-name" not in say(name=name)
    assert "x-roles" not in say(roles=(name,))


def test_no_role_is_read_as_two() -> None:
    """A comma separates roles, so that one with a comma in it would give its user another."""
    assert say(roles=("guest,admin", "writer"))["x-roles"] == "writer"


@given(name=st.text(), email=st.text(), roles=st.lists(st.text(), max_size=3))
def test_whatever_a_token_says_is_a_line_each(name: str, email: str, roles: list[str]) -> None:
    """Any claims make as many lines as headers, which read back as what was meant."""
    claims = dataclasses.replace(ADA, name=name, email=email, email_verified=True, roles=tuple(roles))
    headers = list(list_identity(ALL, claims))
    assert split_lines(encode_lines(headers)) == headers
    assert all(b"\r" not in value and b"\n" not in value for _, value in headers)


@pytest.mark.parametrize(
    "name", ["Remote-User", "remote.user", "Remote~User", "X-WEBAUTH-USER", "x-employee", "x!employee", "X*Employee"]
)
def test_no_client_writes_one(name: str) -> None:
    """A client's own is left out, however it is spelled: servers read many a sign as ``-`` or ``_``."""
    lines = encode_lines([(b"host", b"a"), (name.lower().encode(), b"7"), (b"x-employees", b"8")])
    assert drop_headers(lines, NAMES) == b"host: a\r\nx-employees: 8\r\n"


@pytest.mark.parametrize(
    "name", ["remote-user", "x-webauth-user", "x-forwarded-user", "x-forwarded-email", "user", "x"]
)
def test_names_that_may_be_taken(name: str) -> None:
    """A policy may name callers by the headers that applications expect."""
    assert may_name_caller(name.encode())


@pytest.mark.parametrize(
    "name",
    [
        *(name.decode() for name in sorted(HAVE_A_MEANING)),
        *("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-prefix", "x-request-id"),
        *("accept", "accept-language", "content-language", "if-match", "range", "user-agent", "sec-fetch-user", "date"),
        *("sec-websocket-key", "access-control-request-method", "cache-control", "referer", "from", "origin"),
        *("gatepost-lacks", "gatepost-decision", "set-cookie", "location", "proxy", "forwarded", "x-real-ip", "depth"),
        *("x-original-url", "x-rewrite-url", "x-http-method-override", "x-method-override", "x-middleware-rewrite"),
        *("destination", "overwrite", "x-script-name", "x-scheme", "x-host"),
        *("remote_user", "remote user", "remote-", "-user", "7", "", "ﬀ", "Remote-User", "x--user"),
    ],
)
def test_names_that_mean_something_else(name: str) -> None:
    """None that HTTP or the gateway itself uses, and none that is not plain."""
    assert not may_name_caller(name.encode())
