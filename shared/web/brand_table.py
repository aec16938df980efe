"""brand.toml: the name of a site, its first page, and the links in the head. Text in, a checked table out.

name = "Acme"
first_page = "/reports"           # after signing in or up, where nobody asked for another page

[[link]]                          # in the head, instead of those to posts; none with ``link = []``
to = "/reports"                   # a path here, or a URL
label = { en = "Reports", ko = "보고서" }  # or one text for all languages
signed_in = true                  # only for who is signed in
"""

import re
from collections.abc import Mapping
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from shared.language.languages import LANGUAGES
from shared.toml_lines import KeyPath, TomlInvalid, get_line, list_lines, parse_toml

NAME = "Gatepost"
LONGEST_LINE = 60  # characters
LONGEST_ADDRESS = 500  # characters; what is not there is named in a header of each request
MOST_LINKS = 12

_PATH = r"/(?![/\\])[!-\[\]-~]*"  # printable, no backslash, and never another site's (WHATWG URL, section 4.4)
_URL = r"https?://[a-z0-9.-]+(?::[0-9]{1,5})?(?:[/?#][!-~]*)?"
_REASONS = {
    "missing": "is missing",
    "extra_forbidden": "unknown word",
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "list_type": "must be tables, [[link]]",
    "model_type": "must be a table",
}


class TableRefused(ValueError):
    """A text that can't be used: the line, and why."""


class Link(NamedTuple):
    """A link in the head; ``labels`` are its texts by language."""

    to: str
    labels: Mapping[str, str]
    signed_in: bool


class _Link(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    to: Annotated[str, Field(max_length=LONGEST_ADDRESS)]
    label: str | dict[str, str]
    signed_in: bool = False

    @field_validator("to")
    @classmethod
    def _check_to(cls, to: str) -> str:
        return _match(f"{_PATH}|{_URL}", to, "must be a path such as /reports, or a URL")

    @field_validator("label")
    @classmethod
    def _check_label(cls, label: str | dict[str, str]) -> str | dict[str, str]:
        labels = {LANGUAGES[0]: label} if isinstance(label, str) else label
        if LANGUAGES[0] not in labels or not set(labels) <= set(LANGUAGES):
            raise ValueError(f"must be a text, or one for each of {', '.join(LANGUAGES)}; {LANGUAGES[0]} is needed")
        for text in labels.values():
            _check_line(text)
        return label

    def to_link(self) -> Link:
        labels = dict.fromkeys(LANGUAGES, self.label) if isinstance(self.label, str) else self.label
        return Link(self.to, {each: labels.get(each, labels[LANGUAGES[0]]) for each in LANGUAGES}, self.signed_in)


class BrandTable(BaseModel):
    """What the file may say."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = NAME
    first_page: Annotated[str, Field(max_length=LONGEST_ADDRESS)] | None = None
    link: Annotated[list[_Link], Field(max_length=MOST_LINKS)] | None = None

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        return _check_line(name)

    @field_validator("first_page")
    @classmethod
    def _check_first_page(cls, page: str) -> str:
        return _match(_PATH, page, "must be a path such as /reports")

    @property
    def links(self) -> tuple[Link, ...] | None:
        """The links in the head; None where the table says nothing of them."""
        return None if self.link is None else tuple(link.to_link() for link in self.link)


_WORDS = {*BrandTable.model_fields, *_Link.model_fields}


def read_brand_table(content: bytes) -> BrandTable:
    """Return what a file says; TableRefused."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise TableRefused("is not UTF-8") from None
    try:
        return BrandTable.model_validate(parse_toml(text))
    except TomlInvalid as fault:
        raise TableRefused(str(fault)) from None
    except ValidationError as invalid:
        line, reason = _choose_fault(invalid, list_lines(text))
        raise TableRefused(f"line {line}: {reason}") from None


def _choose_fault(invalid: ValidationError, lines: Mapping[KeyPath, int]) -> tuple[int, str]:
    """Return the line and the reason of the first fault. A missing word comes last: it may be there, misspelt."""
    faults = []
    for fault in invalid.errors(include_url=False, include_input=False):
        kind, place = fault["type"], fault["loc"]
        word = (
            place[-1]
            if kind in {"extra_forbidden", "missing"}
            else next(part for part in place[::-1] if part in _WORDS)
        )
        reason = _REASONS.get(kind) or fault["msg"].removeprefix("Value error, ")
        faults.append((kind == "missing", get_line(lines, place), f"{word}: {reason}"))
    return min(faults)[1:]


def _match(pattern: str, text: str, otherwise: str) -> str:
    if not re.fullmatch(pattern, text):
        raise ValueError(otherwise)
    return text


def _check_line(text: str) -> str:
    if not text.strip() or not text.isprintable() or len(text) > LONGEST_LINE:
        raise ValueError(f"must be one line of {LONGEST_LINE} characters at most")
    return text
