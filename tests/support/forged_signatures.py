"""Signatures of the right text that must be refused, each for its form: what implementations are known to let pass."""

import hashlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tests.support.signers import ORDER, Signer, make_ec_key, pair_up

LENGTH = 32  # bytes of a number below the order of P-256
PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1  # of the field of P-256

_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")  # of SHA-256


def list_odd_signatures(text: bytes, signer: Signer) -> dict[str, bytes]:
    """Return signatures of a text that are not the signer's in the one form that is right."""
    if signer.algorithm == "ES256":
        return _odd_points(text, signer)
    if signer.algorithm == "RS256":
        return _odd_powers(text, signer)
    mac = signer.sign(text)
    return {"twice": mac * 2, "with a zero": mac + b"\0", "half": mac[:16], "zeros": bytes(32)}


def _odd_points(text: bytes, signer: Signer) -> dict[str, bytes]:
    """Return what a signature of ECDSA must not be (RFC 7518, section 3.4; FIPS 186-5, section 6.4.2)."""
    signature = signer.sign(text)
    r, s = (int.from_bytes(half, "big") for half in (signature[:LENGTH], signature[LENGTH:]))
    assert isinstance(signer.key, ec.EllipticCurvePrivateKey)
    numbers = {
        "zero": (0, 0),
        "r is 0": (0, s),
        "s is 0": (r, 0),
        "r and s are 1": (1, 1),
        "r is the order": (ORDER, s),
        "s is the order": (r, ORDER),
        "r and s are the order": (ORDER, ORDER),
        "r and s are beyond the order": (ORDER + 1, ORDER + 1),
        "r is the field's prime less the order": (PRIME - ORDER, s),
        "all ones": (2**256 - 1, 2**256 - 1),
        "r of 1 and s of 0": (1, 0),
        "exchanged": (s, r),
        "r is negated": (ORDER - r, s),
    }
    weak = signer.key.sign(text, ec.ECDSA(hashes.SHA384()))
    der = encode_dss_signature(r, s)
    return {
        **{name: _write(*pair) for name, pair in numbers.items()},
        "empty in DER": encode_dss_signature(0, 0),
        "DER": der,
        "DER cut to 64 bytes": der[:64],
        "DER of SHA-384": weak,
        "a zero before": b"\0" + signature,
        "a zero after": signature + b"\0",
        "33 bytes each": r.to_bytes(33, "big") + s.to_bytes(33, "big"),
        "a byte less": signature[:-1],
        "r alone": signature[:LENGTH],
        "in hexadecimal": signature.hex().encode(),
        "of P-384": pair_up(make_ec_key(1, ec.SECP384R1())).sign(text),
        "of P-521": pair_up(make_ec_key(1, ec.SECP521R1())).sign(text),
        "of secp256k1": pair_up(make_ec_key(1, ec.SECP256K1())).sign(text),
        "of another text": signer.sign(text + b"x"),
    }


def _odd_powers(text: bytes, signer: Signer) -> dict[str, bytes]:
    """Return what a signature of RSASSA-PKCS1-v1_5 must not be (RFC 8017, section 8.2.2)."""
    signature = signer.sign(text)
    key = signer.key
    assert key is not None
    assert not isinstance(key, ec.EllipticCurvePrivateKey)
    modulus, length = key.public_key().public_numbers().n, key.key_size // 8
    number = int.from_bytes(signature, "big")
    assert signature == _raise(key, _pad(_DIGEST_INFO + hashlib.sha256(text).digest(), length)), "the right one"
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    return {
        "zero": bytes(length),
        "one": (1).to_bytes(length, "big"),
        "the modulus less one": (modulus - 1).to_bytes(length, "big"),
        "the modulus": modulus.to_bytes(length, "big"),
        "beyond the modulus": (number + modulus).to_bytes(length + 1, "big"),
        "a zero before": b"\0" + signature,
        "a zero after": signature + b"\0",
        "a byte less": signature[:-1],
        "PSS": key.sign(text, pss, hashes.SHA256()),
        "of SHA-512": key.sign(text, padding.PKCS1v15(), hashes.SHA512()),
        "of SHA-1": key.sign(text, padding.PKCS1v15(), hashes.SHA1()),  # noqa: S303 - to be refused
        "of another text": signer.sign(text + b"x"),
        **{name: _raise(key, padded) for name, padded in _odd_paddings(text, length).items()},
    }


def _odd_paddings(text: bytes, length: int) -> dict[str, bytes]:
    """Return what is not quite the one encoding that PKCS1-v1_5 has for a text (RFC 8017, section 9.2)."""
    digest = hashlib.sha256(text).digest()
    no_null = bytes.fromhex("302f300b0609608648016503040201") + b"\x04\x20" + digest
    long_form = bytes.fromhex("308131300d06096086480165030402010500") + b"\x04\x20" + digest
    info = _DIGEST_INFO + digest
    return {
        "padded by zeros": b"\0\1" + bytes(length - len(info) - 3) + b"\0" + info,
        "padded for encryption": b"\0\2" + b"\xff" * (length - len(info) - 3) + b"\0" + info,
        "padded by a byte that is not all ones": b"\0\1\xfe" + b"\xff" * (length - len(info) - 4) + b"\0" + info,
        "little padding and a long end": (b"\0\1" + b"\xff" * 8 + b"\0" + info).ljust(length, b"\0"),
        "the digest alone": _pad(digest, length),
        "no NULL in what names the hash": _pad(no_null, length),
        "a length in its long form": _pad(long_form, length),
        "named SHA-512": _pad(_DIGEST_INFO.replace(b"\4\2\1", b"\4\2\3") + digest, length),
    }


def _pad(info: bytes, length: int) -> bytes:
    return b"\0\1" + b"\xff" * (length - len(info) - 3) + b"\0" + info


def _raise(key: rsa.RSAPrivateKey, padded: bytes) -> bytes:
    """Return the signature whose number is this one when it is verified."""
    numbers = key.private_numbers()
    modulus = numbers.public_numbers.n
    return pow(int.from_bytes(padded, "big"), numbers.d, modulus).to_bytes(len(padded), "big")


def _write(r: int, s: int) -> bytes:
    return r.to_bytes(LENGTH, "big") + s.to_bytes(LENGTH, "big")
