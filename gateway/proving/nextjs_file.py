"""The matcher of a Next.js project, read from its ``middleware.ts`` or ``proxy.ts`` as data: nothing is ever run.

Next.js itself reads it at build time, so it has to be a constant: ``export const config = { matcher: ... }`` with a
text, or a list of texts and of objects with ``source``. What is not a constant is refused, with its line, and never
guessed.
Without a matcher Next.js runs the file for every path.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, NoReturn

from gateway.proving.nextjs_tokens import NextjsUnreadable, Token, list_tokens

EVERY_PATH = "/:path*"

_BRACKETS = {"{": "}", "[": "]", "(": ")"}
_TYPE_BRACKETS = {**_BRACKETS, "<": ">"}
_TYPE_SIGNS = {*_TYPE_BRACKETS, ".", "|", "&"}
_AFTER_CONFIG = {";", ",", "!"}  # signs that leave the value as it is
_STATEMENTS = {";", "const", "let", "var", "function", "class", "export", "import"}
_NO_VALUES = {"type", "interface", "default"}  # words that follow ``export`` where config is no value


class NextMatcher(NamedTuple):
    """One entry of the matcher, and its line: None where the file has no matcher.

    ``is_narrowed``: it has ``has`` or ``missing``, which were not read.
    """

    source: str
    line: int | None
    is_narrowed: bool = False


def read_matchers(text: str) -> list[NextMatcher]:
    """Return the entries of the matcher in the text of a file, or raise NextjsUnreadable."""
    try:
        return _Reader(list(list_tokens(text))).read_config()
    except RecursionError:  # templates in templates
        raise NextjsUnreadable(1, "too deeply nested") from None


@dataclass
class _Reader:
    """Reads the constant that ``config`` is."""

    tokens: list[Token]
    position: int = 0

    @property
    def token(self) -> Token:
        last = self.tokens[-1].line if self.tokens else 1
        return self.tokens[self.position] if self.position < len(self.tokens) else Token("end", "the end", last)

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
        found = [NextMatcher(EVERY_PATH, None)]
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
        self.pass_over_type()
        if self.token.kind == "sign" and self.token.text not in _AFTER_CONFIG:
            self.refuse("config is not a constant")
        return found

    def refuse_other_config(self) -> None:
        """Refuse a config that may be exported in another way, of which Next.js knows more or less than this reader."""
        words = [token.text if token.kind in {"sign", "name"} else "" for token in self.tokens]
        for at, token in enumerate(self.tokens):
            is_module = words[at : at + 3] in (["module", ".", "exports"], ["exports", ".", "config"])
            if is_module or (words[at] == "export" and _may_export_config(words[at + 1 :])):
                raise NextjsUnreadable(token.line, "config is not exported as export const config = { ... }")

    def read_members(self, of: str, wanted: str) -> Iterator[str]:
        """Yield the keys of an open object. The caller reads the value of ``wanted``; others are passed over."""
        while not self.take("}"):
            key = self.token
            if key.kind not in {"name", "text"}:
                self.refuse(f"{of} has a member that is not written out")
            self.position += 1
            if not self.take(":"):
                raise NextjsUnreadable(key.line, f"{of} has a member that is not written out, at {key.text}")
            name = key.read_literal() if key.kind == "text" else key.text
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
        self.pass_over_type()
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
        self.pass_over_type()
        if not sources:
            raise NextjsUnreadable(line, "an object of the matcher has no source")
        return NextMatcher(sources[-1], line, is_narrowed=bool({"has", "missing"} & keys))

    def read_text(self) -> str:
        token = self.token
        if token.kind != "text" and (token.kind != "template" or "${" in token.text):
            self.refuse("the matcher is not a constant")
        self.position += 1
        self.pass_over_type()
        return token.read_literal()

    def pass_over(self) -> None:
        """Pass over a value of any kind."""
        while self.token.text not in {",", "}"}:
            self.pass_over_one(_BRACKETS)

    def pass_over_type(self) -> None:
        """Pass over ``as const``, ``satisfies X`` and the like: they change no value."""
        if self.token.kind == "name" and self.token.text in {"as", "satisfies"}:
            while self.token.kind in {"name", "text", "number", "template"} or self.token.text in _TYPE_SIGNS:
                self.pass_over_one(_TYPE_BRACKETS)

    def pass_over_one(self, brackets: Mapping[str, str]) -> None:
        """Pass over one token, or a bracket with all up to the one that closes it."""
        open_: list[str] = []
        is_over = False
        while not is_over:
            token = self.token
            if token.kind == "end":
                self.refuse("config does not end")
            if token.kind == "sign" and token.text in brackets:
                open_.append(brackets[token.text])
            elif open_ and token.kind == "sign" and token.text == open_[-1]:
                open_.pop()
            self.position += 1
            is_over = not open_


def _may_export_config(words: Sequence[str]) -> bool:
    """Tell whether what follows ``export`` may name config: in a list, as a variable or function, from elsewhere."""
    match words:
        case ["*", "as", name, *_]:
            return name == "config"
        case ["*", *_]:
            return True
        case ["{", *_] | [_, "{", *_]:
            listed = words[: words.index("}") + 1] if "}" in words else words
            return any(pair in (("config", ","), ("config", "}")) for pair in pairwise(listed))
        case ["const" | "let" | "var", *rest]:
            return "config" in _list_variables(rest)
        case [kind, name, *_]:
            return name == "config" and kind not in _NO_VALUES
    return False


def _list_variables(words: Sequence[str]) -> Iterator[str]:
    """Yield the names that a declaration declares, up to its end."""
    depth, before = 0, ","
    for word in words:
        if not depth and word in _STATEMENTS:
            return
        if not depth and before == ",":
            yield word
        depth += (word in _BRACKETS) - (word in _BRACKETS.values())
        before = word
