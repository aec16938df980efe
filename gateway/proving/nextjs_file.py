"""The matcher of a Next.js project, read from its ``middleware.ts`` or ``proxy.ts`` as data: nothing is ever run.

Next.js itself reads it at build time, so it has to be a constant: ``export const config = { matcher: ... }`` with a
text, or a list of texts and of objects with ``source``. What is not a constant is refused, with its line, and never
guessed.
Without a matcher Next.js runs the file for every path.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, NoReturn

EVERY_PATH = "/:path*"

_TOKEN = re.compile(
    r"""
    (?P<blank>\s+|//[^\n]*|/\*.*?\*/)
    |(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<name>[A-Za-z_$][\w$]*)
    |(?P<number>\d[\w.]*)
    |(?P<sign>\.\.\.|=>|.)
    """,
    re.DOTALL | re.VERBOSE,
)
_REGEX = re.compile(r"/(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*")
_ESCAPE = re.compile(r"\\(?:u\{([0-9A-Fa-f]{1,6})\}|u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0", "\n": ""}
_BEFORE_REGEX = {"return", "typeof", "case", "in", "of", "void", "delete"}  # names after which no division stands
_CLOSING = {"{": "}", "[": "]", "(": ")"}


class NextjsUnreadable(Exception):
    """What of the file can't be read as data, and on which line."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")


class NextMatcher(NamedTuple):
    """One entry of the matcher, and its line. ``is_narrowed``: it has ``has`` or ``missing``, which were not read."""

    source: str
    line: int
    is_narrowed: bool = False


class _Token(NamedTuple):
    kind: str
    text: str
    line: int


def read_matchers(text: str) -> list[NextMatcher]:
    """Return the entries of the matcher in the text of a file, or raise NextjsUnreadable."""
    try:
        return _Reader(list(_split(text))).read_config()
    except RecursionError:  # templates in templates
        raise NextjsUnreadable(1, "too deeply nested") from None


def _split(text: str) -> Iterator[_Token]:
    """Cut the text into tokens, without blanks and comments."""
    position, line = 0, 1
    before = _Token("sign", ";", 1)
    while position < len(text):
        start = position
        if text[position] == "`":
            position = _get_template_end(text, position, line)
            token = _Token("template", text[start:position], line)
        else:
            match = _REGEX.match(text, position) if _may_be_regex(text, position, before) else None
            match, kind = (match, "regex") if match else (_TOKEN.match(text, position), "")
            assert match is not None  # some character is there, and the last alternative takes any
            position = match.end()
            token = _Token(kind or match.lastgroup or "", match.group(), line)
        line += text.count("\n", start, position)
        if token.kind != "blank":
            before = token
            yield token


def _may_be_regex(text: str, position: int, before: _Token) -> bool:
    """Tell whether a regular expression may stand here: where no value was before, it can't be a division."""
    if text[position] != "/" or text.startswith(("//", "/*"), position):
        return False
    return before.text in _BEFORE_REGEX or (before.kind == "sign" and before.text not in {")", "]", "}"})


def _get_template_end(text: str, start: int, line: int) -> int:
    """Return where a template ends, with the templates inside of its substitutions."""
    position, depth = start + 1, 0
    while position < len(text):
        if text[position] == "\\":
            position += 1
        elif depth and text[position] == "`":
            position = _get_template_end(text, position, line) - 1
        elif text[position] == "`":
            return position + 1
        elif text.startswith("${", position):
            depth += 1
            position += 1
        elif depth and text[position] == "{":
            depth += 1
        elif depth and text[position] == "}":
            depth -= 1
        position += 1
    raise NextjsUnreadable(line, "a template that does not end")


@dataclass
class _Reader:
    """Reads the constant that ``config`` is."""

    tokens: list[_Token]
    position: int = 0

    @property
    def token(self) -> _Token:
        last = self.tokens[-1].line if self.tokens else 1
        return self.tokens[self.position] if self.position < len(self.tokens) else _Token("end", "the end", last)

    def words(self, count: int) -> list[str]:
        return [token.text for token in self.tokens[self.position : self.position + count]]

    def refuse(self, reason: str) -> NoReturn:
        raise NextjsUnreadable(self.token.line, f"{reason}, at {self.token.text}")

    def take(self, text: str) -> bool:
        is_there = self.token.text == text and self.token.kind in {"sign", "name"}
        self.position += is_there
        return is_there

    def expect(self, text: str, reason: str) -> None:
        if not self.take(text):
            self.refuse(reason)

    def read_config(self) -> list[NextMatcher]:
        """Return the entries of the matcher; where there is none, the file is for every path."""
        words = [token.text for token in self.tokens]
        starts = [at for at in range(len(words)) if words[at : at + 3] == ["export", "const", "config"]]
        found = [NextMatcher(EVERY_PATH, 1)]
        if not starts:
            self.refuse_other_config()
            return found
        self.position = starts[0] + 3
        if self.take(":"):  # a type, up to the value
            while self.token.text != "=" and self.token.kind != "end":
                self.position += 1
        self.expect("=", "config is not a constant")
        self.expect("{", "config is not written out as an object")
        for key in self.read_members("config", "matcher"):
            found = self.read_matcher() if key == "matcher" else found
        return found

    def refuse_other_config(self) -> None:
        """Refuse a config that is exported in another way: Next.js may read it, and this reader does not."""
        for at, token in enumerate(self.tokens):
            if token.text == "export" and token.kind == "name" and self.exports_config(at + 1):
                raise NextjsUnreadable(token.line, "config is not exported as export const config = { ... }")

    def exports_config(self, start: int) -> bool:
        """Tell whether what follows ``export`` names config: in a list, or as a variable."""
        words = [token.text for token in self.tokens[start:]]
        if words[:1] != ["{"]:
            return words[:2] in (["let", "config"], ["var", "config"])
        listed = words[: words.index("}") + 1] if "}" in words else words
        return any(pair in (("config", ","), ("config", "}")) for pair in pairwise(listed))

    def read_members(self, of: str, wanted: str) -> Iterator[str]:
        """Yield the keys of an open object. The caller reads the value of ``wanted``; others are passed over."""
        while not self.take("}"):
            key = self.token
            if key.kind not in {"name", "text"}:
                self.refuse(f"{of} has a member that is not written out")
            self.position += 1
            self.expect(":", f"{of} has a member that is not written out")
            name = _unquote(key) if key.kind == "text" else key.text
            if name != wanted:
                self.pass_over()
            yield name
            if self.token.text != "}":
                self.expect(",", f"{name} is not a constant")

    def read_matcher(self) -> list[NextMatcher]:
        """Read one entry, or a list of them."""
        if not self.take("["):
            return [self.read_entry()]
        entries: list[NextMatcher] = []
        while not self.take("]"):
            entries.append(self.read_entry())
            if self.token.text != "]":
                self.expect(",", "the matcher is not a constant")
        self.position += 2 if self.words(2) == ["as", "const"] else 0
        return entries

    def read_entry(self) -> NextMatcher:
        """Read a text, or an object with ``source``."""
        line = self.token.line
        if not self.take("{"):
            return NextMatcher(self.read_text(), line)
        sources: list[str] = []
        keys: set[str] = set()
        for key in self.read_members("the matcher", "source"):
            keys.add(key)
            if key == "source":
                sources.append(self.read_text())
        if not sources:
            raise NextjsUnreadable(line, "an object of the matcher has no source")
        return NextMatcher(sources[-1], line, is_narrowed=bool({"has", "missing"} & keys))

    def read_text(self) -> str:
        token = self.token
        if token.kind != "text" and (token.kind != "template" or "${" in token.text):
            self.refuse("the matcher is not a constant")
        self.position += 1
        return _unquote(token)

    def pass_over(self) -> None:
        """Pass over a value of any kind."""
        open_: list[str] = []
        while open_ or self.token.text not in {",", "}"}:
            if self.token.kind == "end":
                self.refuse("config does not end")
            if self.token.kind == "sign" and self.token.text in _CLOSING:
                open_.append(_CLOSING[self.token.text])
            elif open_ and self.token.kind == "sign" and self.token.text == open_[-1]:
                open_.pop()
            self.position += 1


def _unquote(token: _Token) -> str:
    """Return the text that a literal stands for."""

    def read(match: re.Match[str]) -> str:
        braced, four, two, character = match.groups()
        if character is not None:
            return _CONTROLS.get(character, character)
        point = int(braced or four or two, 16)
        if point > 0x10FFFF:  # noqa: PLR2004 - the last code point
            raise NextjsUnreadable(token.line, "an escape that is no character")
        return chr(point)

    return _ESCAPE.sub(read, token.text[1:-1])
