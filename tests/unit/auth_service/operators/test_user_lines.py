"""The line of a file of users of another system."""

import contextlib
import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_service.operators.user_lines import read_user_line
from shared.errors import Invalid

HASH = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
ADA = {"name": "Ada", "email": "ada@example.com", "passwordHash": HASH}


def read(**members: object) -> object:
    """Return what is read of Ada's line with these members."""
    return read_user_line(json.dumps({**ADA, **members}).encode())


def find_fault(line: bytes) -> str:
    """Return what is wrong with a line."""
    with pytest.raises(Invalid) as refused:
        read_user_line(line)
    ((name, fault),) = refused.value.fields.items()
    return f"{name} {fault}"


def test_a_whole_line_is_read() -> None:
    """All members come through: the address trimmed, times in any zone, each role once."""
    user = read_user_line(
        json.dumps(
            {
                "name": " Ada Lovelace ",
                "email": " Ada@Example.com ",
                "passwordHash": f"bcrypt${HASH}",
                "emailVerified": "2020-01-02T03:04:05+09:00",
                "createdAt": "2015-12-10T00:00:00",
                "roles": ["writer", "admin", "writer"],
            }
        ).encode()
    )
    assert (user.name, user.email, user.password_hash) == ("Ada Lovelace", "Ada@Example.com", HASH)
    assert user.email_verified_at == dt.datetime(2020, 1, 1, 18, 4, 5, tzinfo=dt.UTC)
    assert user.created_at == dt.datetime(2015, 12, 10, tzinfo=dt.UTC)
    assert user.roles == ["admin", "writer"]
    assert HASH not in repr(user)


@pytest.mark.parametrize(("told", "is_proven"), [(True, True), (False, False), (None, False)])
def test_an_address_is_proven_or_not(told: object, *, is_proven: bool) -> None:
    """``emailVerified`` may be true, which is as of now, false or null."""
    user = read_user_line(json.dumps({**ADA, "emailVerified": told}).encode())
    assert (user.email_verified_at is not None) is is_proven
    if user.email_verified_at is not None:
        assert abs(dt.datetime.now(dt.UTC) - user.email_verified_at) < dt.timedelta(minutes=5)


def test_somebody_may_have_no_password() -> None:
    """``passwordHash`` may be null, but not be left out: a slip would leave everybody without one."""
    user = read_user_line(json.dumps({**ADA, "passwordHash": None}).encode())
    assert user.password_hash is None
    assert find_fault(b'{"name": "Ada", "email": "ada@example.com"}') == "passwordHash is required"


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ({"name": " "}, "name must not be blank"),
        ({"name": "x" * 101}, "name must be at most 100 characters"),
        ({"name": "a\nb"}, "name must be a single line without control characters"),
        ({"name": "a\0b"}, "name must not contain a NUL character"),
        ({"name": None}, "name must be text"),
        ({"email": "ada"}, "email must be a valid e-mail address"),
        ({"email": "ada@example.invalid"}, "email must be a valid e-mail address"),
        ({"passwordHash": "5f4dcc3b5aa765d61d8327deb882cf99"}, "passwordHash is of a form that is not known here"),
        (
            {"passwordHash": HASH.replace("$10$", "$15$")},
            "passwordHash is out of bounds: cost of bcrypt 15, and accepted are 4 to 14",
        ),
        ({"password_hash": HASH}, "password_hash is not known here"),
        ({"id": 1}, "id is not known here"),
        ({"createdAt": "9999-01-01T00:00:00Z"}, "createdAt must be a time since 1970 that has come"),
        ({"createdAt": "0001-01-01T00:00:00+14:00"}, "createdAt must be a time since 1970 that has come"),
        ({"roles": ["a b"]}, "roles.0 is of letters, digits, '_', '-', '.' and ':'"),
    ],
)
def test_what_a_sign_up_would_refuse_is_refused(members: dict[str, object], fault: str) -> None:
    """Names and addresses are held to the rules of signing up, roles to the operators'; the reason names the member."""
    assert find_fault(json.dumps({**ADA, **members}).encode()) == fault


@pytest.mark.parametrize("members", [{"roles": [f"r{n}" for n in range(17)]}, {"createdAt": "soon"}, {"roles": "a"}])
def test_other_members_are_refused_too(members: dict[str, object]) -> None:
    """More roles than a user can have, and what is no time or no list, is refused."""
    with pytest.raises(Invalid) as refused:
        read(**members)
    assert list(refused.value.fields) == list(members)


@pytest.mark.parametrize("line", [b"", b"{", b"\xff", b"[" * 10_000, b'{"name": "\\ud800"}'])
def test_what_is_not_json_is_refused(line: bytes) -> None:
    """A line that is not JSON is refused as such."""
    assert find_fault(line) == "line is not JSON"


@pytest.mark.parametrize("line", [b"1", b"null", b'"text"', b"[]"])
def test_what_is_no_object_is_refused(line: bytes) -> None:
    """A line that is JSON, but no object, is refused as such."""
    assert find_fault(line) == "line must be an object"


VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5)
MEMBERS = st.dictionaries(st.sampled_from([*ADA, "emailVerified", "createdAt", "roles"]) | st.text(), VALUES)


@given(st.binary() | MEMBERS.map(lambda members: json.dumps({**ADA, **members}).encode()))
def test_no_line_breaks_the_reader(line: bytes) -> None:
    """Whatever a line holds, it is read or refused; and what was read fits into the table."""
    with contextlib.suppress(Invalid):
        user = read_user_line(line)
        assert "\0" not in user.name + user.email + "".join(user.roles)
        for moment in (user.created_at, user.email_verified_at):
            assert moment is None or moment.astimezone(dt.UTC).year >= 1970
