"""Which passwords are accepted: length matters, composition does not (NIST SP 800-63B, section 3.1.1).

What anybody would guess for this person is refused here, whatever its case; what anybody would guess for anyone, by
``guessable``. Pure.

A password is used as typed: neither trimmed nor cut, every character counts. Only its Unicode spelling is normalised,
to NFC (RFC 8265, section 4.2): the same keys give a composed text on one system and a decomposed one on another, and
nobody can see the difference. ASCII is not affected.
"""

import unicodedata

from shared.language.sentences import Sentence

MIN_LENGTH = 8  # characters: code points in NFC
MAX_LENGTH = 1024  # bytes in UTF-8
PRODUCT = "gatepost"
GUESSABLE = Sentence("is one of the passwords that are guessed first; choose another")


def find_password_fault(password: str, *, name: str, email: str) -> str | None:
    """Return what is wrong with the password that this person chose, or None."""
    if len(normalise(password)) < MIN_LENGTH:
        return Sentence("must be at least {least} characters", least=MIN_LENGTH)
    if len(password.encode()) > MAX_LENGTH:
        return Sentence("must be at most {most} bytes", most=MAX_LENGTH)
    if normalise(password).casefold() in _obvious_guesses(normalise(name), normalise(email)):
        return Sentence("must not be your name, your e-mail address or the name of this product")
    return None


def normalise(password: str) -> str:
    """Return the spelling that is hashed."""
    return unicodedata.normalize("NFC", password)


def list_spellings(password: str) -> list[str]:
    """Return the spellings in which a password may have been hashed, the likeliest first.

    Up to release 0.1 it was hashed as typed, which differs only where it was not typed in NFC.
    """
    normal = normalise(password)
    return [normal] if normal == password else [normal, password]


def _obvious_guesses(name: str, email: str) -> set[str]:
    name, email = name.casefold(), email.casefold()
    return {name, name.replace(" ", ""), email, email.partition("@")[0], email.partition("@")[2], PRODUCT}
