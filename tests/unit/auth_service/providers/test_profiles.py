"""Who somebody is to a provider, as its documents say it, and which addresses count as proven."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_service.accounts.new_users import choose_name
from auth_service.providers.presets import PRESETS
from auth_service.providers.profiles import (
    Profile,
    ProfileRefused,
    read_claims,
    read_github,
    read_google,
    read_naver,
)


@pytest.mark.parametrize(
    ("claims", "profile"),
    [
        ({"sub": "1"}, Profile("1")),
        ({"sub": "1", "email": "a@example.com"}, Profile("1", "a@example.com")),
        ({"sub": "1", "email": "a@example.com", "email_verified": True}, Profile("1", "a@example.com", True)),
        ({"sub": "1", "email": "a@example.com", "email_verified": "true"}, Profile("1", "a@example.com")),
        ({"sub": "1", "email": "a@example.com", "email_verified": 1}, Profile("1", "a@example.com")),
        ({"sub": "1", "email": "nothing of the kind", "email_verified": True}, Profile("1")),
        ({"sub": "1", "email": "a\u0000@example.com", "email_verified": True}, Profile("1")),
        ({"sub": "1", "email": ["a@example.com"], "email_verified": True}, Profile("1")),
        ({"sub": "1", "email_verified": True}, Profile("1")),
        ({"sub": "1", "name": "Ada"}, Profile("1", name="Ada")),
        ({"sub": "1", "name": " ", "nickname": "아다"}, Profile("1", name="아다")),
        ({"sub": "1", "name": 7}, Profile("1")),
    ],
)
def test_claims(claims: Mapping[str, object], profile: Profile) -> None:
    """The subject is who they are; an address counts as proven where the provider says true, and nothing like it."""
    assert read_claims(claims) == profile


@pytest.mark.parametrize("sub", [None, "", 7, "a" * 256, "a\n", "a\u0000", ["a"], "\ud800", True])
def test_no_subject(sub: object) -> None:
    """Without a subject, nobody is anybody."""
    with pytest.raises(ProfileRefused):
        read_claims({"sub": sub})


@pytest.mark.parametrize(
    ("email", "more", "is_proven"),
    [
        ("ada@gmail.com", {}, True),
        ("Ada@GMail.com", {}, True),
        ("ada@example.com", {"hd": "example.com"}, True),
        ("ada@example.com", {}, False),
        ("ada@example.com", {"hd": ""}, False),
        ("ada@example.com", {"hd": True}, False),
        ("ada@notgmail.com", {}, False),
        ("ada@gmail.com.example.com", {}, False),
        ("ada@gmail.com", {"email_verified": False}, False),
        ("ada@example.com", {"hd": "example.com", "email_verified": "true"}, False),
    ],
)
def test_google(email: str, more: Mapping[str, object], is_proven: bool) -> None:  # noqa: FBT001 - a parameter
    """Google vouches for its own addresses and those of Workspace domains; any other may have another owner by now."""
    claims = {"sub": "1", "email": email, "email_verified": True, **more}
    assert read_google(claims) == Profile("1", email, is_proven)
    assert PRESETS["google"].read is read_google


USER: Mapping[str, object] = {"id": 583231, "login": "octocat", "name": None, "email": "public@example.com"}


@pytest.mark.parametrize(
    ("emails", "email", "is_proven"),
    [
        ([{"email": "a@example.com", "primary": True, "verified": True}], "a@example.com", True),
        ([{"email": "a@example.com", "primary": True, "verified": False}], "a@example.com", False),
        ([{"email": "a@example.com", "primary": False, "verified": True}], None, False),
        (
            [
                {"email": "old@example.com", "primary": False, "verified": True},
                {"email": "a@example.com", "primary": True, "verified": True},
            ],
            "a@example.com",
            True,
        ),
        ([], None, False),
        ({"message": "Not Found"}, None, False),
    ],
)
def test_github(emails: object, email: str | None, is_proven: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """GitHub's number is who they are; of the addresses only the primary one counts, and never the public one."""
    assert read_github([USER, emails]) == Profile("583231", email, is_proven, "octocat")


@pytest.mark.parametrize("user", [None, [], {}, {"id": "583231"}, {"id": True}, {"id": 0}, {"id": -1}])
def test_github_without_an_id(user: object) -> None:
    """Without a number, nobody is anybody."""
    with pytest.raises(ProfileRefused):
        read_github([user, []])


def test_naver() -> None:
    """Naver's id is who they are; their address is any that they named, and never proven."""
    said = {"id": "abc", "email": "a@naver.com", "name": "아다", "nickname": "a"}
    assert read_naver([{"resultcode": "00", "message": "success", "response": said}]) == Profile(
        "abc", "a@naver.com", is_email_proven=False, name="아다"
    )
    for answer in (
        {"resultcode": "024", "message": "failed"},
        {"resultcode": "00"},
        {"resultcode": "01", "response": said},
    ):
        with pytest.raises(ProfileRefused):
            read_naver([answer])


def test_names() -> None:
    """A name of somebody new is as the provider has it, if it can be one here; else what stands before the @."""
    assert choose_name("  Ada Lovelace ", "a@example.com") == "Ada Lovelace"
    for said in ("", "   ", "a\nb", "x" * 101, "\u200b", "\ud800"):
        assert choose_name(said, "ada.l@example.com") == "ada.l"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=10), each, max_size=3),
    max_leaves=8,
)


@given(
    first=JSON, second=JSON, claims=st.dictionaries(st.sampled_from(["sub", "email", "email_verified", "name"]), JSON)
)
def test_any_documents(first: object, second: object, claims: dict[str, object]) -> None:
    """Any documents are a profile or refused; nothing else happens."""
    for read, documents in ((read_github, [first, second]), (read_naver, [first])):
        try:
            assert read(documents).subject
        except ProfileRefused:
            continue
    try:
        profile = read_claims(claims)
    except ProfileRefused:
        return
    assert profile.subject == claims["sub"]
    assert not profile.is_email_proven or claims["email_verified"] is True
