"""The file of breached passwords: looked up by binary search, never read whole."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from auth_service.passwords.breached import BreachedPasswords, BreachedPasswordsInvalid
from auth_service.passwords.hashing import Passwords
from auth_service.settings import AuthSettings
from shared.settings import SAMPLE_SECRETS, SettingsInvalid, load_settings


def line_of(password: str, count: int = 1) -> str:
    """Return a password's line in the published list."""
    return f"{hashlib.sha1(password.encode()).hexdigest().upper()}:{count}"  # noqa: S324 - the list's format


def write(path: Path, passwords: list[str], end: str = "\r\n", *, is_ended: bool = True) -> Path:
    """Write such a list."""
    lines = sorted(line_of(password, 7 ** (number % 9)) for number, password in enumerate(passwords))
    path.write_bytes((end.join(lines) + (end if is_ended else "")).encode())
    return path


@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize("is_ended", [True, False])
@pytest.mark.parametrize("length", [1, 2, 3, 64, 1000])
def test_each_password_of_the_file_is_found(tmp_path: Path, length: int, end: str, *, is_ended: bool) -> None:
    """Each password is found, the first and the last too, and no other, however the lines end."""
    listed = [f"password {number}" for number in range(length)]
    breached = BreachedPasswords.open(write(tmp_path / "list", listed, end, is_ended=is_ended))
    assert all(map(breached.has, listed))
    assert not any(breached.has(f"other {number}") for number in range(200))
    breached.close()


@given(
    st.sets(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=40),
    st.text(st.characters(exclude_categories=["Cs"])),
)
def test_what_is_in_the_file_is_found_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, listed: set[str], other: str
) -> None:
    """Whatever passwords a file lists, those are found and another is not."""
    breached = BreachedPasswords.open(write(tmp_path_factory.mktemp("breached") / "list", sorted(listed)))
    assert all(map(breached.has, listed))
    assert breached.has(other) is (other in listed)
    breached.close()


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (b"", "names an empty file"),
        (b"password\n123456789\n", "no ordered list"),
        (b"\x00" * 1000, "no ordered list"),
        (("B" * 40 + ":1\n" + "A" * 40 + ":1\n").encode(), "no ordered list"),
        (b"A" * 40 + b"\n", "no ordered list"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: bytes, refusal: str) -> None:
    """A file that is empty, missing, or not an ordered list of hashes and counts, is refused."""
    path = tmp_path / "list"
    with pytest.raises(BreachedPasswordsInvalid, match="can't be read"):
        BreachedPasswords.open(path)
    path.write_bytes(content)
    with pytest.raises(BreachedPasswordsInvalid, match=refusal):
        BreachedPasswords.open(path)


def test_a_file_that_is_none_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service does not start with a file in which it can't look up passwords; one line names the setting."""
    for name, value in {**SAMPLE_SECRETS, "PORT": "8001", "METRICS_PORT": "8101", "ENVIRONMENT": "development"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AUTH_DATABASE_URL", "postgresql://nowhere/auth")
    monkeypatch.setenv("BREACHED_PASSWORDS_FILE", str(tmp_path / "list"))
    with pytest.raises(SettingsInvalid) as refused:
        load_settings(AuthSettings)
    assert str(refused.value) == f"BREACHED_PASSWORDS_FILE: names a file that can't be read ({tmp_path / 'list'})"
    write(tmp_path / "list", ["password"])
    assert load_settings(AuthSettings).breached_passwords_file == tmp_path / "list"


async def test_a_breached_password_is_not_taken(tmp_path: Path) -> None:
    """A password in the file can't be chosen, nor its other spelling in Unicode; without a file it can."""
    listed = ["correct horse battery", "cafe\u0301 au lait noir"]
    breached = BreachedPasswords.open(write(tmp_path / "list", listed))
    passwords = Passwords(CollectorRegistry(), breached=breached)
    assert [await passwords.hash_new(password) for password in listed] == [None, None]
    assert await passwords.hash_new("correct horse battery staple") is not None
    passwords.stop()
    unlimited = Passwords(CollectorRegistry())
    assert await unlimited.hash_new(listed[0]) is not None
    unlimited.stop()
