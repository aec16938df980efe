"""Which language a page is in: what the browser asks for in ``Accept-Language`` (RFC 9110, section 12.5.4). Pure.

A range matches a language that it names, with or without a region: ``ko-KR`` and ``ko`` both ask for Korean (lookup,
RFC 4647, section 3.4). The highest quality wins, then the range named first; English if nothing matches. A malformed
range matches nothing.
"""

import re

from babel import negotiate_locale

LOCALES = {"en": "en_GB", "ko": "ko"}
"""The supported languages, each with the locale for its dates."""

LANGUAGES = tuple(LOCALES)
MOST_RANGES = 32  # more than any browser sends

_RANGE = re.compile(r"(\*|[A-Za-z]{1,8})(?:-[A-Za-z0-9]{1,8})*[ \t]*(?:;[ \t]*[qQ]=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?")


def choose_language(header: str) -> str:
    """Return the language for a value of ``Accept-Language``, which may be empty."""
    qualities: dict[str, float] = {}
    for part in header.split(",")[:MOST_RANGES]:
        if found := _RANGE.fullmatch(part.strip()):
            name, quality = found[1].lower(), float(found[2] or 1)
            qualities[name] = max(quality, qualities.get(name, 0))
    named = sorted((name for name, quality in qualities.items() if quality), key=lambda name: -qualities[name])
    others = [language for language in LANGUAGES if language not in qualities]
    preferred = [each for name in named for each in (others if name == "*" else [name])]
    return negotiate_locale(preferred, LANGUAGES, aliases={}) or LANGUAGES[0]
