"""Whose pages these are: the folder that ``BRANDING`` names, read once at the start. What can't be used stops that.

    brand.toml    name, first page, links (``brand_table``)
    style.css     comes after ours
    logo.svg      or logo.png: in the head of every page, and in the browser's tab
    favicon.ico   for whoever asks for it at its fixed address
    en.po, ko.po  texts in other words, one catalogue for a language

Nothing in the folder can bring along a script: pages load only our own, and are told so (``pages``).
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shared.language.languages import LANGUAGES
from shared.language.own_texts import TextsRefused, read_own_texts
from shared.web.brand_table import NAME, BrandTable, Link, TableRefused, read_brand_table

LONGEST_FILE = 262_144  # bytes
ASSETS_PATH = "/_gatepost/assets"
"""Where the gateway serves what pages load: below a prefix that no application has for itself."""
BRAND_PATH = f"{ASSETS_PATH}/brand"

_TABLE, _STYLE, _LOGOS, _ICON = "brand.toml", "style.css", ("logo.svg", "logo.png"), "favicon.ico"
_CATALOGUES = {f"{language}.po": language for language in LANGUAGES}
_TYPES = {
    "style.css": "text/css; charset=utf-8",
    "logo.svg": "image/svg+xml",
    "logo.png": "image/png",
    "favicon.ico": "image/x-icon",
}
_SIGNATURES = {"logo.png": b"\x89PNG\r\n\x1a\n", "favicon.ico": b"\0\0\1\0"}


class BrandingRefused(ValueError):
    """A folder that can't be used; the text says what is wrong, and begins with "names a folder"."""


@dataclass(frozen=True, slots=True)
class BrandFile:
    """A file that browsers load."""

    name: str
    content: bytes = field(repr=False)

    @property
    def media_type(self) -> str:
        """Its type."""
        return _TYPES[self.name]

    @property
    def version(self) -> str:
        """What changes with its content."""
        return hashlib.sha256(self.content).hexdigest()[:8]

    @property
    def url(self) -> str:
        """Its address on our site, which changes with its content."""
        return f"{BRAND_PATH}/{self.name}?v={self.version}"


@dataclass(frozen=True, slots=True, eq=False)
class Branding:
    """How the pages differ from ours. ``links`` None: those to posts; ``texts`` are by language, then by our own."""

    name: str = NAME
    first_page: str | None = None
    links: tuple[Link, ...] | None = None
    files: Mapping[str, BrandFile] = field(default_factory=dict)
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def style(self) -> BrandFile | None:
        """The stylesheet."""
        return self.files.get(_STYLE)

    @property
    def logo(self) -> BrandFile | None:
        """The logo."""
        return next((self.files[name] for name in _LOGOS if name in self.files), None)

    @property
    def icon(self) -> BrandFile | None:
        """What is at ``/favicon.ico``."""
        return self.files.get(_ICON)


PLAIN = Branding()
"""Without a folder."""


def load_branding(folder: Path | None) -> Branding:
    """Return what a folder says of the pages; BrandingRefused. Without a folder the pages are as they are."""
    if folder is None:
        return PLAIN
    try:
        names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        raise BrandingRefused("names a folder that can't be read") from None
    known = {_TABLE, *_TYPES, *_CATALOGUES}
    if unknown := [name for name in names if name not in known]:
        raise _refuse(unknown[0], f"is not known here; known are {', '.join(sorted(known))}")
    if set(_LOGOS) <= set(names):
        raise _refuse(_LOGOS[1], f"is there beside {_LOGOS[0]}; keep one")
    contents = {name: _read(folder, name) for name in names}
    table = _read_table(contents)
    for name, content in contents.items():
        if name in _TYPES and not _is_of_type(name, content):
            raise _refuse(name, f"is not {_TYPES[name].partition(';')[0]}")
    return Branding(
        table.name,
        table.first_page,
        table.links,
        {name: BrandFile(name, content) for name, content in contents.items() if name in _TYPES},
        dict(_read_texts(contents)),
    )


def _read(folder: Path, name: str) -> bytes:
    try:
        with (folder / name).open("rb") as file:
            content = file.read(LONGEST_FILE + 1)
    except OSError:
        raise _refuse(name, "can't be read") from None
    if len(content) > LONGEST_FILE:
        raise _refuse(name, f"has more than {LONGEST_FILE} bytes")
    return content


def _read_table(contents: Mapping[str, bytes]) -> BrandTable:
    try:
        return read_brand_table(contents.get(_TABLE, b""))
    except TableRefused as fault:
        raise _refuse(_TABLE, str(fault)) from None


def _read_texts(contents: Mapping[str, bytes]) -> Iterator[tuple[str, Mapping[str, str]]]:
    for name, language in _CATALOGUES.items():
        if name in contents:
            try:
                yield language, read_own_texts(contents[name])
            except TextsRefused as fault:
                raise _refuse(name, str(fault)) from None


def _is_of_type(name: str, content: bytes) -> bool:
    if name in _SIGNATURES:
        return content.startswith(_SIGNATURES[name])
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return False
    return name == _STYLE or "<svg" in text


def _refuse(name: str, reason: str) -> BrandingRefused:
    return BrandingRefused(f"names a folder that can't be used: {name}: {reason}")
