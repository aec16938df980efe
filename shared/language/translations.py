"""Pages in the reader's language: sentences from the catalogues, moments from Babel's data for a locale.

There is one gettext file for each language except English, in ``catalogues``; ``make messages`` updates them from the
templates and the code. Each is read once, for the first page in its language.
"""

import datetime as dt
import functools
import gettext
import io
from pathlib import Path

from babel import Locale
from babel.dates import DateTimePattern, parse_pattern
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from shared.language.languages import LOCALES
from shared.language.sentences import Sentence

CATALOGUES = Path(__file__).parent / "catalogues"


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


def translate(text: str, language: str) -> str:
    """Return a sentence in a language, with an initial capital; unknown text is returned unchanged."""
    pattern, values = (text.pattern, text.values) if isinstance(text, Sentence) else (text, {})
    translated = load_catalogue(language).gettext(pattern) if pattern else ""
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
