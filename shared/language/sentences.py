"""Sentences for people, said in English in the code and in the reader's language on pages.

``Sentence("must be at least {least} bytes", least=8)`` is that text, filled in; it remembers its pattern, under which a
catalogue (``shared/language/catalogues``, one gettext file for each language) has the translation. JSON and logs print
the text itself, so they stay English. The catalogues are read once, when the first page of a language is made.
"""

import datetime as dt
import functools
import gettext
import io
from pathlib import Path
from typing import Self

import polib

CATALOGUES = Path(__file__).parent / "catalogues"


class Sentence(str):
    """A text in English that knows its pattern and the values in it."""

    __slots__ = ("pattern", "values")

    pattern: str
    values: dict[str, object]

    def __new__(cls, pattern: str, **values: object) -> Self:
        """Return the pattern with the values filled in."""
        sentence = super().__new__(cls, pattern.format_map(values) if values else pattern)
        sentence.pattern, sentence.values = pattern, values
        return sentence


MONTHS = (
    *(Sentence("January"), Sentence("February"), Sentence("March"), Sentence("April"), Sentence("May")),
    *(Sentence("June"), Sentence("July"), Sentence("August"), Sentence("September"), Sentence("October")),
    *(Sentence("November"), Sentence("December")),
)


@functools.cache
def load_catalogue(language: str) -> gettext.NullTranslations:
    """Return the translations into a language; a language without a catalogue is English."""
    path = CATALOGUES / f"{language}.po"
    if not path.exists():
        return gettext.NullTranslations()
    return gettext.GNUTranslations(io.BytesIO(polib.pofile(path).to_binary()))


def translate(text: str, language: str) -> str:
    """Return a sentence in a language, beginning with a capital letter; unknown text is returned as it is."""
    pattern, values = (text.pattern, text.values) if isinstance(text, Sentence) else (text, {})
    translated = load_catalogue(language).gettext(pattern) if pattern else ""
    said = translated.format_map(values) if values else translated
    return said[:1].upper() + said[1:]


def say_moment(moment: dt.datetime, language: str) -> str:
    """Return a moment as people write it, in UTC; a page says once that it is."""
    moment = moment.astimezone(dt.UTC)
    month = translate(MONTHS[moment.month - 1], language)
    pattern = Sentence(
        "{day} {month} {year}, {time}", day=moment.day, month=month, year=moment.year, time=f"{moment:%H:%M}"
    )
    return translate(pattern, language)
