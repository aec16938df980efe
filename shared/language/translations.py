"""Pages in the reader's language: sentences from the catalogues, moments from Babel's data for a locale.

There is one gettext file for each language except English, in ``catalogues``; ``make messages`` updates them from the
templates and the code. Each is read once, for the first page in its language.
"""

import datetime as dt
import functools
import gettext
import io
import re
from collections.abc import Mapping
from pathlib import Path

from babel import Locale
from babel.dates import DateTimePattern, parse_pattern
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

from shared.language.languages import LOCALES
from shared.language.sentences import Sentence

CATALOGUES = Path(__file__).parent / "catalogues"
_LINE = re.compile(r'\s*(?:#.*|(?:msg(?:id|str)\s+)?"(?:[^"\\]|\\.)*")?\s*')
OURS: Mapping[str, str] = {}
"""No texts in an operator's words."""


class CatalogueInvalid(ValueError):
    """A file that is no catalogue."""


@functools.cache
def load_catalogue(language: str) -> gettext.NullTranslations:
    """Return the translations into a language; a language without a catalogue is English."""
    path = CATALOGUES / f"{language}.po"
    if not path.exists():
        return gettext.NullTranslations()
    compiled = io.BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, read_po(file))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def read_texts(content: bytes) -> dict[str, str]:
    """Return the texts of a catalogue by their keys, but for those that it leaves empty; CatalogueInvalid."""
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise CatalogueInvalid("is not UTF-8") from None
    for number, line in enumerate(lines, start=1):
        if not _LINE.fullmatch(line):  # Babel passes over much that is none
            raise CatalogueInvalid(f"line {number}: is no line of a gettext catalogue without plural forms")
    try:
        messages = list(read_po(io.StringIO("\n".join(lines)), abort_invalid=True))
    except (PoFileError, ValueError):
        raise CatalogueInvalid("is no gettext catalogue") from None
    return {str(message.id): str(message.string) for message in messages if message.id and message.string}


@functools.cache
def list_known_texts() -> frozenset[str]:
    """Return the texts of ours, in English: the keys of a catalogue, which has them all."""
    return frozenset(read_texts(next(CATALOGUES.glob("*.po")).read_bytes()))


def translate(text: str, language: str, own: Mapping[str, str] = OURS) -> str:
    """Return a sentence in a language, with an initial capital; unknown text is returned unchanged.

    ``own`` are texts in an operator's words.
    """
    pattern, values = (text.pattern, text.values) if isinstance(text, Sentence) else (text, {})
    translated = (own.get(pattern) or load_catalogue(language).gettext(pattern)) if pattern else ""
    said = translated.format_map(values) if values else translated
    return said[:1].upper() + said[1:]


def say_moment(moment: dt.datetime, language: str) -> str:
    """Return a moment as people write it, in UTC; the page says once that times are in UTC."""
    locale, pattern = _load_date_pattern(language)
    return pattern.apply(moment.astimezone(dt.UTC), locale)


@functools.cache
def _load_date_pattern(language: str) -> tuple[Locale, DateTimePattern]:
    """Return a locale's pattern for a date with the month's name, and the time in 24 hours."""
    locale = Locale.parse(LOCALES[language])
    date, time = (locale.datetime_skeletons[skeleton].pattern for skeleton in ("yMMMMd", "Hm"))
    return locale, parse_pattern(str(locale.datetime_formats["medium"]).format(time, date))
