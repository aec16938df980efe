"""Key files: what is read from them, and that each that can't be used is refused with one sentence."""

import base64
import os
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519
from hypothesis import given
from hypothesis import strategies as st

from shared.tokens.compact_form import decode_segment
from shared.tokens.key_pairs import (
    KeyFileRefused,
    KeyPairs,
    is_owners_alone,
    make_key_pair,
    read_key_file,
    read_key_pairs,
)
from shared.tokens.public_keys import MOST_KEYS
from tests.support.signers import make_ec_key, make_rsa_key, thumbprint_of, write_private, write_public

PRIVATE, OTHER = write_private(make_ec_key(1)), write_private(make_ec_key(2))
PUBLIC, OTHER_PUBLIC = write_public(make_ec_key(1)), write_public(make_ec_key(2))
NAME, OTHER_NAME = thumbprint_of(make_ec_key(1)), thumbprint_of(make_ec_key(2))
PEM, PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
POINT = make_ec_key(1).public_key().public_numbers()
SECRETLY = serialization.BestAvailableEncryption(b"a password")


def refusal(content: bytes) -> str:
    """Return the sentence with which the content of a file is refused."""
    with pytest.raises(KeyFileRefused) as refused:
        read_key_pairs(content)
    return str(refused.value)


def write_point(point: bytes) -> bytes:
    """Return a public key on P-256 with that point, in PEM, whether or not there is such a key (RFC 5480)."""
    kind = bytes.fromhex("301306072a8648ce3d020106082a8648ce3d030107")
    text = b"\x03" + bytes([len(point) + 1]) + b"\0" + point
    der = b"\x30" + bytes([len(kind) + len(text)]) + kind + text
    return b"-----BEGIN PUBLIC KEY-----\n" + base64.encodebytes(der) + b"-----END PUBLIC KEY-----\n"


def names_of(pairs: KeyPairs) -> list[str]:
    """Return the names of the published keys."""
    return [key.kid for key in pairs.published]


def test_the_first_signs_and_all_are_published() -> None:
    """The first key signs; its public half and all further keys, private or public, are published in their order."""
    pairs = read_key_pairs(PRIVATE + write_public(make_rsa_key()) + OTHER)

    assert (pairs.signing_key.kid, pairs.signing_key.algorithm) == (NAME, "ES256")
    assert names_of(pairs) == [NAME, thumbprint_of(make_rsa_key()), OTHER_NAME]
    assert [key.algorithm for key in pairs.published] == ["ES256", "RS256", "ES256"]
    assert names_of(read_key_pairs(PRIVATE + OTHER_PUBLIC + PUBLIC)) == [NAME, OTHER_NAME], "each once"


def test_what_is_published_is_public() -> None:
    """Nothing private is left in what is published, and no repr shows a key that signs."""
    pairs = read_key_pairs(PRIVATE + write_private(make_rsa_key()))

    assert [set(key.members) for key in pairs.published] == [{"kty", "crv", "x", "y"}, {"kty", "n", "e"}]
    secret = make_ec_key(1).private_numbers().private_value
    assert str(secret) not in repr(pairs)
    assert "key=" not in repr(pairs.signing_key)


@pytest.mark.parametrize(
    "content",
    [
        PRIVATE.replace(b"\n", b"\r\n"),
        b"# made in 2026\n\n" + PRIVATE + b"\nthe end",
        PRIVATE.rstrip(),
        make_ec_key(1).private_bytes(PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()),
        # As ``openssl ecparam -name prime256v1 -genkey`` writes it.
        b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + PRIVATE,
    ],
)
def test_usual_spellings(content: bytes) -> None:
    """Keys are read however the usual programs write them, with text around the blocks (RFC 7468, section 2)."""
    assert read_key_pairs(content).signing_key.kid == NAME


X, Y = (number.to_bytes(32, "big") for number in (POINT.x, POINT.y))


def test_a_point_on_the_curve() -> None:
    """A point on the curve is taken, written as those below that are refused: it is the point that is refused there."""
    assert names_of(read_key_pairs(PRIVATE + write_point(b"\x04" + X + Y))) == [NAME]


@pytest.mark.parametrize(
    "point",
    [
        b"\0",
        b"\0" * 65,
        b"\x04" + bytes(64),
        b"\x04" + X + X,
        b"\x04" + X + (POINT.y ^ 1).to_bytes(32, "big"),
        b"\x04" + b"\xff" * 64,
        b"\x04" + X,
        b"\x05" + X,
        b"",
    ],
)
def test_a_point_off_the_curve(point: bytes) -> None:
    """A public key at infinity, off the curve or without a second half is refused, also behind one that signs."""
    assert refusal(PRIVATE + write_point(point)) == "names a file with a key that can't be read"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no key in PEM"),
        (b"a-secret-of-our-own-0123456789abcdefgh", "holds no key in PEM"),
        (write_public(make_ec_key(1), serialization.Encoding.DER), "holds no key in PEM"),
        (PRIVATE[:-20], "with a PEM block that has no end"),
        (PRIVATE + PUBLIC[:-20], "with a PEM block that has no end"),
        (PUBLIC, "begins with a public key; its first key signs, and must be private"),
        (PUBLIC + PRIVATE, "begins with a public key; its first key signs, and must be private"),
        (PRIVATE[:60] + b"AAAA" + PRIVATE[64:], "with a key that can't be read"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "with a key that can't be read"),
        (PRIVATE + b"-----BEGIN PUBLIC KEY-----\n\n-----END PUBLIC KEY-----\n", "with a key that can't be read"),
        (make_ec_key(1).private_bytes(PEM, PKCS8, SECRETLY), "with a key that is encrypted"),
        (
            make_ec_key(1).private_bytes(PEM, serialization.PrivateFormat.TraditionalOpenSSL, SECRETLY),
            "with a key that is encrypted",
        ),
        (
            PRIVATE + b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "with a block 'CERTIFICATE', which is no key in PEM",
        ),
        (
            make_ec_key(1).private_bytes(PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()),
            "with a block 'OPENSSH PRIVATE KEY', which is no key in PEM",
        ),
        (
            write_private(make_ec_key(1, ec.SECP384R1())),
            "with a key on the curve secp384r1, where only P-256 is taken",
        ),
        (
            write_private(make_ec_key(1, ec.SECP521R1())),
            "with a key on the curve secp521r1, where only P-256 is taken",
        ),
        (PRIVATE + write_public(make_ec_key(1, ec.SECP256K1())), "on the curve secp256k1, where only P-256 is taken"),
        (write_private(make_rsa_key(1024)), "with an RSA key of 1024 bits, where 2048 to 4096 are taken"),
        (write_private(make_rsa_key(2048, 3)), "with an RSA key with another exponent than 65537"),
        (
            ed25519.Ed25519PrivateKey.generate().private_bytes(PEM, PKCS8, serialization.NoEncryption()),
            "with a key that is neither EC nor RSA",
        ),
        (
            dsa.generate_private_key(2048).private_bytes(PEM, PKCS8, serialization.NoEncryption()),
            "with a key that is neither EC nor RSA",
        ),
        (PRIVATE * (MOST_KEYS + 1), "of more than 16 keys"),
    ],
)
def test_what_is_no_key_of_ours(content: bytes, said: str) -> None:
    """Whatever is wrong is said in one sentence that shows nothing of the content."""
    line = refusal(content)

    assert line.startswith("names a file ")
    assert said in line
    assert "\n" not in line
    assert not any(piece.decode("latin-1") in line for piece in content.splitlines() if len(piece) > 2)


def test_private_key_of_another_public_half() -> None:
    """A private key whose public half is another's is refused: everything it signs would be refused."""
    der, point = serialization.Encoding.DER, serialization.PublicFormat.UncompressedPoint
    mine, others = (make_ec_key(n).public_key().public_bytes(serialization.Encoding.X962, point) for n in (1, 2))
    mixed = make_ec_key(1).private_bytes(der, PKCS8, serialization.NoEncryption()).replace(mine, others)
    converted = subprocess.run(["base64"], input=mixed, capture_output=True, check=True).stdout
    content = b"-----BEGIN PRIVATE KEY-----\n" + converted + b"-----END PRIVATE KEY-----\n"

    assert refusal(content) == "names a file with a key that can't be read"


@given(st.binary(max_size=300))
def test_any_content_is_refused(content: bytes) -> None:
    """Whatever a file holds, it is refused in one way, by itself and where a block is expected."""
    refusal(content)
    for label in (b"PRIVATE KEY", b"EC PRIVATE KEY", b"PUBLIC KEY"):
        refusal(b"-----BEGIN " + label + b"-----\n" + content + b"\n-----END " + label + b"-----\n")


@given(st.data())
def test_any_change_ends_as_keys_or_a_sentence(data: st.DataObject) -> None:
    """A file with one byte changed is refused in one way, or holds keys whose first signs by the name it has."""
    content = PRIVATE + OTHER_PUBLIC
    at = data.draw(st.integers(0, len(content) - 1))
    changed = content[:at] + bytes([data.draw(st.integers(0, 255))]) + content[at + 1 :]
    try:
        pairs = read_key_pairs(changed)
    except KeyFileRefused:
        return
    signature = pairs.signing_key.key.sign(b"text")
    assert pairs.published[0].kid == pairs.signing_key.kid
    assert pairs.published[0].verify(b"text", signature)


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
def test_a_new_pair_can_be_used(algorithm: str) -> None:
    """A pair that is made is another each time, and is taken."""
    one, other = (read_key_pairs(make_key_pair(algorithm).encode()) for _ in range(2))

    assert one.signing_key.kid != other.signing_key.kid
    assert {one.signing_key.algorithm, one.published[0].algorithm} == {algorithm}
    assert algorithm == "ES256" or len(decode_segment(one.published[0].members["n"])) * 8 >= 3072, "of 128 bits' worth"


# The file itself


def write(path: Path, content: bytes = PRIVATE, mode: int = 0o600) -> Path:
    """Return a file with that content."""
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_file_of_its_owner(tmp_path: Path, mode: int) -> None:
    """A file is read that is its owner's alone."""
    assert read_key_file(write(tmp_path / "key.pem", mode=mode)).signing_key.kid == NAME


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o602, 0o610, 0o601, 0o666])
def test_a_file_that_others_can_open(tmp_path: Path, mode: int) -> None:
    """A file is refused that its group or others may read, write or run, whatever it holds."""
    with pytest.raises(KeyFileRefused, match=r"^names a file that others can read; make it its owner's alone by chmod"):
        read_key_file(write(tmp_path / "key.pem", mode=mode))


@pytest.mark.parametrize("mode", [0o100440, 0o100640])
def test_a_file_of_roots_that_our_group_can_read(mode: int) -> None:
    """For a process that is not root, root's file may be readable by a group: so Kubernetes mounts secrets."""
    assert is_owners_alone(mode, owner=0, user=10)
    assert not is_owners_alone(mode, owner=0, user=0)
    assert not is_owners_alone(mode, owner=10, user=10)
    assert not is_owners_alone(mode, owner=11, user=10)
    for more in (0o020, 0o010, 0o004, 0o002, 0o001):
        assert not is_owners_alone(mode | more, owner=0, user=10)


def test_what_is_no_file(tmp_path: Path) -> None:
    """A path without a file, a directory and a pipe that nobody writes are refused at once; so is far too much."""
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path / "none", tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(KeyFileRefused, match=r"^names a file that can't be read$"):
            read_key_file(path)
    with pytest.raises(KeyFileRefused, match=r"^names a file of more than 65536 bytes$"):
        read_key_file(write(tmp_path / "long.pem", PRIVATE + b" " * 65_536))
