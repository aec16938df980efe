"""Sentences for people, in English in the code and in the reader's language on pages (``translations``).

``Sentence("must be at least {least} bytes", least=8)`` is that text, filled in; it remembers its pattern, which is the
key to the translation in a catalogue. JSON and logs print the text itself, so they stay English.
"""

from typing import Self


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
