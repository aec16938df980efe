"""The text of a Next.js project's file, cut into tokens: as much of TypeScript as it takes to tell code from texts."""

import re
from collections.abc import Iterator
from typing import NamedTuple

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


class NextjsUnreadable(Exception):
    """What of the file can't be read as data, and on which line."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")


class Token(NamedTuple):
    """A piece of the text, of one ``kind``: name, number, sign, text, template or regex; and its line."""

    kind: str
    text: str
    line: int

    def read_literal(self) -> str:
        """Return the text that a literal stands for."""

        def read(match: re.Match[str]) -> str:
            braced, four, two, character = match.groups()
            if character is not None:
                return _CONTROLS.get(character, character)
            point = int(braced or four or two, 16)
            if point > 0x10FFFF:  # noqa: PLR2004 - the last code point
                raise NextjsUnreadable(self.line, "an escape that is no character")
            return chr(point)

        return _ESCAPE.sub(read, self.text[1:-1])


def list_tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of a text, without blanks and comments; NextjsUnreadable where one does not end."""
    position, line = 0, 1
    before = Token("sign", ";", 1)
    while position < len(text):
        start = position
        if text[position] == "`":
            position = _get_template_end(text, position, line)
            token = Token("template", text[start:position], line)
        else:
            match = _REGEX.match(text, position) if _may_be_regex(text, position, before) else None
            match, kind = (match, "regex") if match else (_TOKEN.match(text, position), "")
            assert match is not None  # some character is there, and the last alternative takes any
            position = match.end()
            token = Token(kind or match.lastgroup or "", match.group(), line)
        line += text.count("\n", start, position)
        if token.kind != "blank":
            before = token
            yield token


def _may_be_regex(text: str, position: int, before: Token) -> bool:
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
