"""Texts of ours in an operator's words: a gettext catalogue whose keys are our texts in English. Pure.

1. A key that is no text of ours is refused: a slip, or a text that a release has changed, would leave ours in force.
2. A text names no value that ours does not: ``%(name)s`` in those of templates, ``{name}`` in those of the code.
3. It is text, never markup: where it gets into a page, it is escaped (``templates``).
"""

import re
import string
from collections.abc import Mapping

from shared.language.translations import CatalogueInvalid, list_known_texts, read_texts

_NAMED = re.compile(r"%\((\w+)\)s")
_LONGEST_SHOWN = 60  # characters


class TextsRefused(ValueError):
    """A catalogue that can't be used; the text says why."""


def read_own_texts(content: bytes) -> Mapping[str, str]:
    """Return the texts of a catalogue, by ours in English; TextsRefused."""
    try:
        texts = read_texts(content)
    except CatalogueInvalid as fault:
        raise TextsRefused(str(fault)) from None
    known = list_known_texts()
    for ours, own in texts.items():
        if ours not in known:
            raise TextsRefused(f"{_show(ours)} is no text of this release")
        if not _fits(ours, own):
            raise TextsRefused(f"the text for {_show(ours)} names a value that there is not, or has a stray % or {{")
    return texts


def _fits(ours: str, own: str) -> bool:
    """Tell whether a text can be filled in wherever ours can."""
    return _fits_template(ours, own) and _fits_sentence(ours, own)


def _fits_template(ours: str, own: str) -> bool:
    names = set(_NAMED.findall(ours))
    return not _can_fill(ours, names) or _can_fill(own, names)


def _can_fill(text: str, names: set[str]) -> bool:
    rest = _NAMED.sub(lambda found: "" if found[1] in names else "%", text).replace("%%", "")
    return "%" not in rest


def _fits_sentence(ours: str, own: str) -> bool:
    names, found = _list_fields(ours), _list_fields(own)
    return not names or (found is not None and found <= names)


def _list_fields(text: str) -> set[str] | None:
    """Return the names of the values in a sentence; None when it can't be filled in."""
    try:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError:
        return None


def _show(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…")
