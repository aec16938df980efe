"""What pages say in the reader's language: sentences by the catalogues, moments by what Babel knows of a locale.

There is one gettext file for each language but English, in ``catalogues``; ``make messages`` brings them up to date
with what templates and code say. Each is read once, when the first page of its language is made.
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
    """Return a sentence in a language, beginning with a capital letter; unknown text is returned as it is."""
    pattern, values = (text.pattern, text.values) if isinstance(text, Sentence) else (text, {})
    translated = load_catalogue(language).gettext(pattern) if pattern else ""
    said = translated.format_map(values) if values else translated
    return said[:1].upper() + said[1:]


def say_moment(moment: dt.datetime, language: str) -> str:
    """Return a moment as people write it, in UTC; a page says once that it is."""
    locale, pattern = _load_date_pattern(language)
    return pattern.apply(moment.astimezone(dt.UTC), locale)


@functools.cache
def _load_date_pattern(language: str) -> tuple[Locale, DateTimePattern]:
    """Return how a locale writes a date with its month's name, and the time by 24 hours."""
    locale = Locale.parse(LOCALES[language])
    date, time = (locale.datetime_skeletons[skeleton].pattern for skeleton in ("yMMMMd", "Hm"))
    return locale, parse_pattern(str(locale.datetime_formats["medium"]).format(time, date))
