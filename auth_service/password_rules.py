"""Which passwords are taken: length counts, composition does not (NIST SP 800-63B, section 3.1.1).

What everybody chooses and what anybody would guess of this person is refused, in any case. Pure, but for a list that is
read once. A password is kept exactly as typed: not trimmed, not normalised, not cut.
"""

from auth_service.well_known_passwords import is_common
from shared.sentences import Sentence

MIN_LENGTH = 8  # bytes in UTF-8, as MAX_LENGTH
MAX_LENGTH = 1024
PRODUCT = "gatepost"


def find_password_fault(password: str, *, name: str, email: str) -> str | None:
    """Return what is wrong with the password that this person wants, or None."""
    length = len(password.encode())
    if length < MIN_LENGTH:
        return Sentence("must be at least {least} bytes", least=MIN_LENGTH)
    if length > MAX_LENGTH:
        return Sentence("must be at most {most} bytes", most=MAX_LENGTH)
    if password.casefold() in _obvious_guesses(name, email):
        return Sentence("must not be your name, your e-mail address or the name of this product")
    if is_common(password):
        return Sentence("is one of the most common passwords, which are guessed first; choose another")
    return None


def _obvious_guesses(name: str, email: str) -> set[str]:
    name, email = name.casefold(), email.casefold()
    return {name, name.replace(" ", ""), email, email.partition("@")[0], email.partition("@")[2], PRODUCT}
