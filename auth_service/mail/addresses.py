"""E-mail addresses: which are accepted, and when two are the same. Pure.

An address is kept as typed, except for blanks around it. Two addresses are the same if their keys are: case and
compatible characters make no difference, nor does it matter whether a domain is written in Unicode or in punycode (RFC
5890, section 2.3.2.1).

That is for uniqueness: nobody signs up with what looks like another's address. It does not say whose a mailbox is:
strasse.de and straße.de have one key, and are two registrations (``is_same_mailbox``).
"""

import unicodedata

import idna
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from shared.language.sentences import Sentence

PRIVATE_DOMAINS = ("local", "test", "localhost", "home.arpa")  # private networks have addresses too
REFUSED_DOMAINS = tuple(name for name in SPECIAL_USE_DOMAIN_NAMES if name not in PRIVATE_DOMAINS)
INVALID = Sentence("must be a valid e-mail address")
_BLANK = "\u200b\u2060\ufeff"  # invisible, and easily pasted along
_PUNYCODE = "xn--"


def trim(email: str) -> str:
    """Return an address without blanks around it."""
    trimmed = email.strip()
    while trimmed[:1] in set(_BLANK) or trimmed[-1:] in set(_BLANK):
        trimmed = trimmed.strip(_BLANK).strip()
    return trimmed


def check_email(email: str) -> str:
    """Return the address, trimmed; ValueError when it can't be one."""
    trimmed = trim(email)
    try:
        validate_email(_as_public(trimmed), check_deliverability=False)
    except EmailNotValidError:
        raise ValueError(INVALID) from None
    return trimmed


def email_key(email: str) -> str:
    """Return the key that all spellings of an address share (Unicode's NFKC_Casefold, near enough)."""
    local, at, domain = fold_email(email).rpartition("@")
    if _PUNYCODE not in domain:
        return local + at + domain
    return fold_email(local + at + ".".join(map(_decode_label, domain.split("."))))


def fold_email(email: str) -> str:
    """Return an address without differences of case and compatible characters: its key up to release 0.1."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", trim(email)).casefold())
    return trim(unicodedata.normalize("NFKC", folded.casefold()))


def list_keys(email: str) -> list[str]:
    """Return the keys under which the user of an address may be stored, the preferred one first.

    Before keys had one spelling for a domain, they kept it as typed. So an address is also looked up as typed, and
    where one address was signed up under two spellings of its domain, both users still get in, each with their own.
    """
    keys = [fold_email(email), email_key(email)]
    if not keys[1].rpartition("@")[2].isascii():
        keys.append(encode_domain(keys[1]))
    return list(dict.fromkeys(keys))


def encode_domain(email: str) -> str:
    """Return an address with its domain in punycode, as mail servers name it."""
    local, at, domain = email.rpartition("@")
    return local + at + ".".join(map(_encode_label, domain.split(".")))


def is_same_mailbox(email: str, other: str) -> bool:
    """Tell whether mail to two addresses goes to the same domain (RFC 5891) and mailbox; of its case servers see none.

    Stricter than their keys: no other letter stands for the one that is written.
    """
    return _name_mailbox(email) == _name_mailbox(other)


def _name_mailbox(email: str) -> bytes:
    return encode_domain(email).encode().lower()  # of bytes, as only ASCII letters are to be lowered


def _as_public(email: str) -> str:
    """Return an address of a private domain as one that the validator, which only knows public ones, can judge."""
    local, at, domain = email.rpartition("@")
    is_private = ("." + domain.lower()).endswith(tuple("." + name for name in PRIVATE_DOMAINS))
    return f"{local}{at}{domain.rpartition('.')[0]}.example" if is_private and "." in domain else email


def _decode_label(label: str) -> str:
    try:
        return idna.ulabel(label) if label.startswith(_PUNYCODE) else label
    except idna.IDNAError:
        return label


def _encode_label(label: str) -> str:
    try:
        return label if label.isascii() else idna.encode(label, uts46=True).decode()  # as typed, so of any case
    except idna.IDNAError:
        return label
