"""How NextAuth seals a session: a JWE in compact form, ``dir`` (RFC 7516), its key from the secret by HKDF (RFC 5869).

Pure. Version 4 seals with ``A256GCM`` (RFC 7518, section 5.3). Version 5 seals with ``A256CBC-HS512`` (section 5.2.5),
names the key by its thumbprint (RFC 7638), and opens both; its keys are bound to the name of the cookie.

The sealing itself is ``cryptography``'s, without jose's layer around it, which takes three times as long.
"""

import hashlib
import json
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.padding import PKCS7

from shared.tokens.compact_form import decode_segment, encode_segment, read_object

INFO_4 = b"NextAuth.js Generated Encryption Key"
INFO_5 = "Auth.js Generated Encryption Key ({salt})"

_HASHES = {32: hashlib.sha256, 64: hashlib.sha512}  # by the length of their digests in bytes


class SealingKey(ABC):
    """A key that seals and opens; ``kid`` is its name, if it has one, which what it opens need not bear.

    The header of what is opened is compared, not interpreted: it must neither choose an algorithm nor demand
    decompression.
    """

    algorithm: str
    nonce_length: int  # bytes
    tag_length: int

    def __init__(self, kid: str | None = None) -> None:
        plain = {"alg": "dir", "enc": self.algorithm}
        named: Mapping[str, str] = plain if kid is None else {**plain, "kid": kid}
        self._headers = [plain, named]
        self._header = encode_segment(json.dumps(named, separators=(",", ":")).encode())
        nonce, tag = (_count_characters(length) for length in (self.nonce_length, self.tag_length))
        letters = "[A-Za-z0-9_-]"
        self._form = re.compile(rf"({letters}+)\.\.({letters}{{{nonce}}})\.({letters}+)\.({letters}{{{tag}}})")

    def seal(self, plain: bytes) -> str:
        """Return a text sealed."""
        nonce = os.urandom(self.nonce_length)
        sealed = self._encrypt(nonce, plain, self._header.encode())
        text, tag = sealed[: -self.tag_length], sealed[-self.tag_length :]
        return f"{self._header}..{encode_segment(nonce)}.{encode_segment(text)}.{encode_segment(tag)}"

    def open(self, sealed: str) -> bytes | None:
        """Return what was sealed with this key; None, or any exception, for everything else."""
        match = self._form.fullmatch(sealed)
        if match is None:
            return None
        header, nonce, text, tag = match.groups()
        if header != self._header and read_object(decode_segment(header)) not in self._headers:
            return None
        return self._decrypt(decode_segment(nonce), decode_segment(text) + decode_segment(tag), header.encode())

    @abstractmethod
    def _encrypt(self, nonce: bytes, plain: bytes, header: bytes) -> bytes:
        """Return a text encrypted, and after it the tag that authenticates it and the header."""

    @abstractmethod
    def _decrypt(self, nonce: bytes, encrypted: bytes, header: bytes) -> bytes:
        """Return what was so encrypted; InvalidTag for everything else."""


class GcmKey(SealingKey):
    """``A256GCM``, with a key of 32 bytes."""

    algorithm, nonce_length, tag_length = "A256GCM", 12, 16

    def __init__(self, key: bytes, kid: str | None = None) -> None:
        super().__init__(kid)
        self._cipher = AESGCM(key)

    def _encrypt(self, nonce: bytes, plain: bytes, header: bytes) -> bytes:
        return self._cipher.encrypt(nonce, plain, header)

    def _decrypt(self, nonce: bytes, encrypted: bytes, header: bytes) -> bytes:
        return self._cipher.decrypt(nonce, encrypted, header)


class CbcKey(SealingKey):
    """``A256CBC-HS512``, with a key of 64 bytes: the first half authenticates, the second encrypts."""

    algorithm, nonce_length, tag_length = "A256CBC-HS512", 16, 32

    def __init__(self, key: bytes, kid: str | None = None) -> None:
        super().__init__(kid)
        self._mac_key, self._cipher = key[:32], AES256(key[32:])

    def _encrypt(self, nonce: bytes, plain: bytes, header: bytes) -> bytes:
        padder, encryptor = PKCS7(AES256.block_size).padder(), Cipher(self._cipher, CBC(nonce)).encryptor()
        text = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
        return text + self._authenticate(nonce, text, header)

    def _decrypt(self, nonce: bytes, encrypted: bytes, header: bytes) -> bytes:
        text, tag = encrypted[: -self.tag_length], encrypted[-self.tag_length :]
        if not bytes_eq(tag, self._authenticate(nonce, text, header)):
            raise InvalidTag
        unpadder, decryptor = PKCS7(AES256.block_size).unpadder(), Cipher(self._cipher, CBC(nonce)).decryptor()
        return unpadder.update(decryptor.update(text) + decryptor.finalize()) + unpadder.finalize()

    def _authenticate(self, nonce: bytes, text: bytes, header: bytes) -> bytes:
        mac = HMAC(self._mac_key, SHA512())
        mac.update(header + nonce + text + (len(header) * 8).to_bytes(8, "big"))
        return mac.finalize()[: self.tag_length]


def derive_keys_4(secret: str, _: str) -> tuple[SealingKey, ...]:
    """Return the key of version 4 for sessions, which is the same whatever the cookie is called."""
    return (GcmKey(derive_key(secret, b"", INFO_4, 32)),)


def derive_check_keys_4(secret: str, cookie: str) -> tuple[SealingKey, ...]:
    """Return the key of version 4 for a check cookie, which follows from what that is called."""
    return (GcmKey(derive_key(secret, cookie.encode(), INFO_4 + f" ({cookie})".encode(), 32)),)


def derive_keys_5(secret: str, cookie: str) -> tuple[SealingKey, ...]:
    """Return the keys of version 5 for the cookie of that name, the one that seals first."""
    salt, info = cookie.encode(), INFO_5.format(salt=cookie).encode()
    cbc, gcm = derive_key(secret, salt, info, 64), derive_key(secret, salt, info, 32)
    return CbcKey(cbc, thumbprint(cbc)), GcmKey(gcm, thumbprint(gcm))


def derive_key(secret: str, salt: bytes, info: bytes, length: int) -> bytes:
    """Return the key of so many bytes that follows from a secret."""
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(secret.encode())


def thumbprint(key: bytes) -> str:
    """Return a key's thumbprint, by the hash that is as long as the key."""
    members = json.dumps({"k": encode_segment(key), "kty": "oct"}, separators=(",", ":"))
    return encode_segment(_HASHES[len(key)](members.encode()).digest())


def _count_characters(length: int) -> int:
    """Return how many characters of base64url so many bytes have."""
    return -(-length * 4 // 3)
