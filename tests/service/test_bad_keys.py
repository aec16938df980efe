"""Keys with which nothing starts: each service and the commands for operators, as processes of their own.

Each ends before it listens or calls anybody, with the status of a bad setting and one sentence that shows nothing of
the key. What is read from a file in which way, the unit tests of ``key_pairs`` say.
"""

import os
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from stack.services import SETTING_NAMES
from tests.support.house import ROOT
from tests.support.signers import certify, make_ec_key, write_private, write_public

KEY = "a-key-of-our-own-0123456789abcdefgh"
DEADLINE = 60  # seconds, for a busy machine
WRONG_SETTING = 2
PRIVATE, PUBLIC = write_private(make_ec_key()), write_public(make_ec_key())
PEM, PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
SOUND = {
    **{name: f"{KEY}-{name}" for name in ("NEXTAUTH_SECRET", "GATEWAY_SERVICE_SECRET", "POSTS_SERVICE_SECRET")},
    **dict.fromkeys(("AUTH_DATABASE_URL", "POSTS_DATABASE_URL"), "postgresql://nowhere.invalid/none"),
    "AUTH_SERVICE_URL": "http://nowhere.invalid",
    "NEXTAUTH_URL": "https://example.com",
    "PORT": "1",
    "METRICS_PORT": "2",
}
COMMANDS = {
    "the service": (["auth_service"], "auth_service does not start: "),
    "a command": (["auth_service", "user", "list"], ""),
}
SERVICES = ("auth_service", "posts_service", "gateway")


def run(words: list[str], **given: str) -> "subprocess.CompletedProcess[str]":
    """Run a program of ours with an environment that lacks nothing but what signs or verifies users' tokens."""
    others = {name: value for name, value in os.environ.items() if name not in SETTING_NAMES}
    command = [sys.executable, "-m", *words]
    environment = {**others, **SOUND, **given}
    return subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE, check=False
    )


FILES: dict[str, tuple[bytes, str]] = {
    "no key": (b"a-text-that-is-no-key-0123456789", "that holds no key in PEM"),
    "empty": (b"", "that holds no key in PEM"),
    "cut": (PRIVATE[:-20], "with a PEM block that has no end"),
    "a public key": (PUBLIC, "that begins with a public key; its first key signs, and must be private"),
    "a public key first": (PUBLIC + PRIVATE, "that begins with a public key; its first key signs, and must be private"),
    "P-384": (
        write_private(make_ec_key(1, ec.SECP384R1())),
        "with a key on the curve secp384r1, where only P-256 is taken",
    ),
    "secp256k1": (
        write_private(make_ec_key(1, ec.SECP256K1())),
        "with a key on the curve secp256k1, where only P-256 is taken",
    ),
    "Ed25519": (
        ed25519.Ed25519PrivateKey.generate().private_bytes(PEM, PKCS8, serialization.NoEncryption()),
        "with a key that is neither EC nor RSA",
    ),
    "encrypted": (
        make_ec_key().private_bytes(PEM, PKCS8, serialization.BestAvailableEncryption(b"a password")),
        "with a key that is encrypted; nobody could enter its password",
    ),
    "a certificate": (
        ssl.DER_cert_to_PEM_cert(certify(make_ec_key())).encode(),
        "with a block 'CERTIFICATE', which is no key in PEM",
    ),
}
"""What a key file may hold by mistake, and what is said of it."""


def assert_refused(ended: "subprocess.CompletedProcess[str]", said: str) -> None:
    """Check that a program ended as with any bad setting, and that this is all it said."""
    assert (ended.returncode, ended.stdout) == (WRONG_SETTING, "")
    assert ended.stderr == f"{said}\n"


@pytest.mark.parametrize("program", COMMANDS)
@pytest.mark.parametrize("case", FILES)
def test_a_file_without_the_right_key(tmp_path: Path, case: str, program: str) -> None:
    """With a key file that does not begin with a private key of a kind that is taken, the auth service never starts."""
    content, said = FILES[case]
    file = tmp_path / "key.pem"
    file.touch(0o600)
    file.write_bytes(content)
    words, before = COMMANDS[program]
    assert_refused(run(words, TOKEN_KEY_FILE=str(file)), f"{before}TOKEN_KEY_FILE: names a file {said} ({file})")


@pytest.mark.parametrize("program", COMMANDS)
def test_a_file_that_is_not_ours_alone(tmp_path: Path, program: str) -> None:
    """With a key that others can read, one that is not there, and a folder, it never starts, whatever else signs."""
    words, before = COMMANDS[program]
    file = tmp_path / "key.pem"
    file.write_bytes(PRIVATE)
    file.chmod(0o644)
    said = "names a file that others can read; make it its owner's alone by chmod 600"
    ended = run(words, TOKEN_KEY_FILE=str(file), SECRET_KEY=f"{KEY}-SECRET_KEY")
    assert_refused(ended, f"{before}TOKEN_KEY_FILE: {said} ({file})")
    for path in (tmp_path, tmp_path / "none"):
        ended = run(words, TOKEN_KEY_FILE=str(path), SECRET_KEY=f"{KEY}-SECRET_KEY")
        assert_refused(ended, f"{before}TOKEN_KEY_FILE: names a file that can't be read ({path})")


@pytest.mark.parametrize("program", COMMANDS)
def test_nothing_that_signs(program: str) -> None:
    """Without a key of any kind the auth service never starts."""
    words, before = COMMANDS[program]
    said = "TOKEN_KEY_FILE: is missing, and so is SECRET_KEY; one of them signs access tokens"
    assert_refused(run(words), before + said)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("key", [PUBLIC, PRIVATE])
def test_a_key_in_the_place_of_a_secret(tmp_path: Path, service: str, key: bytes) -> None:
    """No service takes a key in PEM for a shared secret, by the variable or by a file: its public half is known."""
    said = f"{service} does not start: SECRET_KEY: must be a secret and no key in PEM, whose file TOKEN_KEY_FILE names"
    assert_refused(run([service], SECRET_KEY=key.decode()), said)
    file = tmp_path / "key.pem"
    file.write_bytes(key)
    assert_refused(run([service], SECRET_KEY_FILE=str(file)), said)


@pytest.mark.parametrize(
    ("service", "name"),
    [
        ("auth_service", "GATEWAY_SERVICE_SECRET"),
        ("posts_service", "POSTS_SERVICE_SECRET_PREVIOUS"),
        ("gateway", "GATEWAY_SERVICE_SECRET"),
    ],
)
def test_a_key_in_the_place_of_another_secret(service: str, name: str) -> None:
    """Nor is a key in PEM the secret of a caller."""
    said = f"{service} does not start: {name}: must be a secret and no key in PEM, whose file TOKEN_KEY_FILE names"
    assert_refused(run([service], **{"SECRET_KEY": KEY, name: PRIVATE.decode()}), said)


@pytest.mark.parametrize("service", ["posts_service", "gateway"])
def test_nothing_that_verifies(service: str) -> None:
    """A service that could verify nobody's token never starts."""
    said = "PUBLISHED_KEYS=off needs SECRET_KEY: nobody's token could be verified"
    assert_refused(run([service], PUBLISHED_KEYS="off"), f"{service} does not start: {said}")


@pytest.mark.parametrize("service", ["posts_service", "gateway"])
def test_a_key_file_is_the_auth_services_alone(service: str) -> None:
    """A service that signs nothing does not even look at the key file that an environment for all of them names."""
    said = "PUBLISHED_KEYS=off needs SECRET_KEY: nobody's token could be verified"
    ended = run([service], TOKEN_KEY_FILE="/nowhere", PUBLISHED_KEYS="off")
    assert_refused(ended, f"{service} does not start: {said}")
