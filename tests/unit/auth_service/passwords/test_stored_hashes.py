"""Which stored hashes are run, and that each form is verified as those do who invented it."""

import base64
import contextlib
import hashlib

import argon2
import bcrypt
import pytest
from argon2.exceptions import VerifyMismatchError
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from auth_service.passwords.hashing import LANES, MEMORY, PASSES, Passwords
from auth_service.passwords.stored_hashes import Argon2, HashRefused, read_stored_hash, strip_label
from tests.support.house import ROOT

PASSWORD = "correct horse battery"
SALT = base64.b64encode(b"0123456789abcdef").decode().rstrip("=")
DIGEST = base64.b64encode(bytes(32)).decode()
BARE = DIGEST.rstrip("=")
BCRYPT = "N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"

IN_BOUNDS = [
    f"$argon2id$v=19$m=131072,t=10,p=8${SALT}${BARE}",
    f"$argon2i$v=16$m=8,t=1,p=1${SALT}${BARE}",
    f"$argon2d$m=65536,t=3,p=4${SALT}${BARE}",
    *(f"$2{version}$14${BCRYPT}" for version in "aby"),
    f"pbkdf2_sha256$2000000$salt${DIGEST}",
    f"scrypt$16384$salt$8$5${DIGEST}",
    f"$scrypt$ln=17,r=8,p=1${SALT}${BARE}",
]
BEYOND = [
    f"$argon2id$v=19$m=131073,t=2,p=1${SALT}${BARE}",
    f"$argon2id$v=19$m=19456,t=11,p=1${SALT}${BARE}",
    f"$argon2id$v=19$m=19456,t=2,p=9${SALT}${BARE}",
    f"$argon2id$v=19$m=7,t=2,p=1${SALT}${BARE}",
    f"$argon2id$v=19$m=19456,t=0,p=1${SALT}${BARE}",
    f"$2b$15${BCRYPT}",
    f"$2b$31${BCRYPT}",
    f"$2b$03${BCRYPT}",
    f"pbkdf2_sha256$2000001$salt${DIGEST}",
    f"pbkdf2_sha256$0$salt${DIGEST}",
    "pbkdf2_sha256$1000$salt$AAAA",
    f"scrypt$262144$salt$8$1${DIGEST}",
    f"scrypt$16384$salt$8$17${DIGEST}",
    f"scrypt$16384$salt$8$0${DIGEST}",
    f"scrypt$16385$salt$8$1${DIGEST}",
    f"scrypt$65536$salt$1$1${DIGEST}",
    f"scrypt$2$salt$8$9999999999${DIGEST}",
    f"$scrypt$ln=9999999999,r=8,p=1${SALT}${BARE}",
    f"$scrypt$ln=17,r=8,p=9${SALT}${BARE}",
    f"$argon2id$v=19$m=19456,t=2,p=1${SALT}${'A' * 600}",
]
UNKNOWN = [
    *("", "!", "!Wq7o", PASSWORD, "x" * 512, "$2b$12$abc", f"$2x$10${BCRYPT}", f"$2b$1${BCRYPT}"),
    *("5f4dcc3b5aa765d61d8327deb882cf99", "$1$salt$hash", "$6$salt$hash", "{SSHA}hash", "$argon2id$"),
    f"$2b$10${BCRYPT}\n",
    f"$2b$10${BCRYPT[:21]}f{BCRYPT[22:]}",
    f"pbkdf2_sha1$1000$salt${DIGEST}",
    f"pbkdf2_sha256$-1$salt${DIGEST}",
    f"pbkdf2_sha256$\u0661000$salt${DIGEST}",
    f"pbkdf2_sha256$1000$salt${DIGEST[:-2]}B=",
    f"pbkdf2_sha256$1000$salt${DIGEST}$more",
    f"pbkdf2_sha256$1000$salt$A{DIGEST}",
    f"bcrypt_sha256$$2b$12${BCRYPT}",
    f"$argon2id$v=19$m=019456,t=2,p=1${SALT}${BARE}",
    f"$argon2id$v=17$m=19456,t=2,p=1${SALT}${BARE}",
    f"scrypt:32768:8:1$salt${'0' * 128}",
]


@pytest.mark.parametrize("stored", IN_BOUNDS)
def test_what_is_in_bounds_is_read(stored: str) -> None:
    """Each known form is accepted up to its bounds, these included."""
    read_stored_hash(stored)


@pytest.mark.parametrize("stored", [*BEYOND, *UNKNOWN])
def test_what_is_unknown_or_too_costly_is_never_run(stored: str) -> None:
    """A hash of an unknown form, or that asks for more than its bounds, is refused; the reason shows nothing of it."""
    with pytest.raises(HashRefused) as refused:
        read_stored_hash(stored)
    assert not (set(stored.split("$")[-1:]) - {""}) & set(str(refused.value).split())
    assert BCRYPT not in str(refused.value)


@pytest.mark.parametrize("stored", BEYOND)
async def test_bounds_hold_when_verifying_too(stored: str) -> None:
    """A hash beyond the bounds that stands in the database is matched by nothing, and costs what nobody's costs."""
    passwords = Passwords(CollectorRegistry())
    assert await passwords.verify(PASSWORD, stored) is None
    passwords.stop()


@pytest.mark.parametrize("stored", IN_BOUNDS[-3:])
def test_the_costliest_that_is_accepted_can_be_run(stored: str) -> None:
    """What is in bounds, the libraries accept."""
    read = read_stored_hash(stored)
    assert not isinstance(read, Argon2)
    assert not read.matches(PASSWORD.encode())


def test_labels_are_left_out() -> None:
    """Django's labels before forms that say what they are go; nothing else does."""
    assert strip_label(f"argon2{IN_BOUNDS[0]}") == IN_BOUNDS[0]
    assert strip_label(f"bcrypt$$2b$12${BCRYPT}") == f"$2b$12${BCRYPT}"
    for stored in (*IN_BOUNDS, *BEYOND, *UNKNOWN):
        assert strip_label(stored) == stored


ALPHABET = "$=,.+/ \n0123456789abcdefmtprlnvAZ_\u0661"
PARTS = st.sampled_from(["$", "$argon2id$v=19$m=", "$2b$", "pbkdf2_sha256$", "scrypt$", "$scrypt$ln=", SALT, DIGEST])


@given(st.lists(PARTS | st.text(ALPHABET, max_size=12)).map("".join) | st.text())
def test_no_text_breaks_the_reader(stored: str) -> None:
    """Whatever is in the database or in a file, it is read, or refused with a sentence."""
    with contextlib.suppress(HashRefused):
        read_stored_hash(stored)


SMALL = st.integers(1, 3)


@given(memory=st.integers(8, 64), passes=SMALL, lanes=SMALL, kind=st.sampled_from(argon2.Type), typed=st.text())
def test_what_is_read_as_argon2_the_library_verifies(
    memory: int, passes: int, lanes: int, kind: argon2.Type, typed: str
) -> None:
    """A hash that argon2 makes is read, and is its password's; another password does not match."""
    hasher = argon2.PasswordHasher(passes, max(memory, 8 * lanes), lanes, type=kind)
    read = read_stored_hash(hasher.hash(typed))
    assert isinstance(read, Argon2)
    assert hasher.verify(read.text, typed)
    with pytest.raises(VerifyMismatchError):
        hasher.verify(read.text, f"{typed}x")


@given(st.binary(max_size=200), st.sampled_from([b"2a", b"2b"]))
def test_bcrypt_reads_72_bytes(typed: bytes, version: bytes) -> None:
    """Of a longer password the first 72 bytes count, as for those who made the hash; of a shorter one all do."""
    stored = bcrypt.hashpw(typed[:72], bcrypt.gensalt(4, version)).decode()
    read = read_stored_hash(stored)
    assert not isinstance(read, Argon2)
    assert read.matches(typed)
    assert read.matches(typed + b"x") is (len(typed) >= 72)
    assert not read.matches(b"x" + typed[1:] if typed[:1] != b"x" else b"y" + typed[1:])


@given(st.binary(max_size=200), st.text("abcXYZ./+ \u00e9", min_size=1, max_size=22), st.integers(1, 50))
def test_pbkdf2_is_that_of_the_standard_library(typed: bytes, salt: str, rounds: int) -> None:
    """A hash by PBKDF2 matches its password only."""
    digest = base64.b64encode(hashlib.pbkdf2_hmac("sha256", typed, salt.encode(), rounds)).decode()
    read = read_stored_hash(f"pbkdf2_sha256${rounds}${salt}${digest}")
    assert not isinstance(read, Argon2)
    assert read.matches(typed)
    assert not read.matches(typed + b"x")


@given(st.binary(max_size=200), st.binary(min_size=1, max_size=16), st.integers(1, 10), st.integers(1, 8), SMALL)
def test_scrypt_is_that_of_the_standard_library(typed: bytes, salt: bytes, log_n: int, r: int, p: int) -> None:
    """A hash by scrypt, whoever writes it, matches its password only."""
    digest = hashlib.scrypt(typed, salt=salt, n=2**log_n, r=r, p=p, dklen=64)
    text = "".join(f"{byte:02x}" for byte in salt)
    of_django = hashlib.scrypt(typed, salt=text.encode(), n=2**log_n, r=r, p=p, dklen=64)
    bare = (base64.b64encode(part).decode().rstrip("=") for part in (salt, digest))
    for stored in (
        f"scrypt${2**log_n}${text}${r}${p}${base64.b64encode(of_django).decode()}",
        f"$scrypt$ln={log_n},r={r},p={p}${'$'.join(bare)}",
    ):
        read = read_stored_hash(stored)
        assert not isinstance(read, Argon2)
        assert read.matches(typed)
        assert not read.matches(typed + b"x")


async def test_an_empty_password_is_never_right() -> None:
    """Other systems hashed one for users who had no password: it opens nothing here."""
    passwords = Passwords(CollectorRegistry())
    for stored in (bcrypt.hashpw(b"", bcrypt.gensalt(4)).decode(), argon2.PasswordHasher(1, 8, 1).hash("")):
        assert await passwords.verify("", stored) is None
    passwords.stop()


async def test_a_hash_of_another_system_is_to_be_renewed() -> None:
    """It matches by its own rules, and then wants a hash of ours; so does argon2 with other parameters."""
    passwords = Passwords(CollectorRegistry())
    for stored in (
        bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode(),
        argon2.PasswordHasher(1, 64, 1, type=argon2.Type.I).hash(PASSWORD),
    ):
        assert await passwords.verify(PASSWORD, stored) == PASSWORD
        assert await passwords.verify(f"{PASSWORD}x", stored) is None
        assert passwords.needs_rehash(stored, PASSWORD)
    passwords.stop()


def test_other_hashes_are_told_by_how_ours_begin() -> None:
    """The statement that finds hashes which take another time, and its index, know how ours begin today."""
    ours = f"NOT LIKE '$argon2id$v=19$m={MEMORY},t={PASSES},p={LANES}$%'"
    tables = ROOT / "auth_service" / "tables"
    assert ours in (tables / "users.py").read_text()
    latest = [path.read_text() for path in sorted(tables.glob("migrations/*.sql")) if "_hashes ON" in path.read_text()]
    assert ours in latest[-1]
