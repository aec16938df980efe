"""Which language a page is in: what the browser asks for in ``Accept-Language`` (RFC 9110, section 12.5.4). Pure.

A range fits a language that it names, with or without a region: ``ko-KR`` and ``ko`` both ask for Korean (lookup,
RFC 4647, section 3.4). The highest quality wins, then what is named first; English where nothing fits. What can't be
read asks for nothing.
"""

import re

LANGUAGES = ("en", "ko")
MOST_RANGES = 32  # more than any browser sends

_RANGE = re.compile(r"(\*|[A-Za-z]{1,8})(?:-[A-Za-z0-9]{1,8})*[ \t]*(?:;[ \t]*[qQ]=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?")


def choose_language(header: str) -> str:
    """Return the language for a value of ``Accept-Language``, which may be empty."""
    qualities: dict[str, float] = {}
    for part in header.split(",")[:MOST_RANGES]:
        found = _RANGE.fullmatch(part.strip())
        if found:
            name, quality = found[1].lower(), float(found[2] or 1)
            qualities[name] = max(quality, qualities.get(name, 0))
    order = [*qualities]
    offers = {language: language if language in qualities else "*" for language in LANGUAGES}
    wanted = [language for language in LANGUAGES if qualities.get(offers[language], 0) > 0]
    best = sorted(wanted, key=lambda language: (-qualities[offers[language]], order.index(offers[language])))
    return best[0] if best else LANGUAGES[0]
