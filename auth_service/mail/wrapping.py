"""Plain text as mail programs show it, in lines of at most 72 columns (RFC 5322, section 2.1.1: below 78). Pure.

A character of Chinese, Japanese or Korean takes two columns (Unicode Standard Annex 11). Lines break at blanks only, so
an address is never broken.
"""

import unicodedata

COLUMNS = 72


def wrap(text: str) -> str:
    """Return a paragraph in lines."""
    lines: list[str] = []
    for word in text.split():
        if lines and measure(lines[-1]) + 1 + measure(word) <= COLUMNS:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return "\n".join(lines)


def measure(text: str) -> int:
    """Return how many columns a text takes."""
    return sum(1 + (unicodedata.east_asian_width(each) in "WF") for each in text if not unicodedata.combining(each))
