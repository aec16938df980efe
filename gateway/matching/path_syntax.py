r"""The syntax of matchers: path-to-regexp 6.3, as Next.js uses it, parsed into a tree.

    :name  :name?  :name*  :name+     a parameter: one segment, at most one, any number, at least one
    :name(regex)  (regex)             the same with a JavaScript regular expression instead of "one segment"
    {prefix:name suffix}mod  {text}mod
    \:                                 an escape: the next character is plain text

``_split`` cuts the text into tokens, ``_Parser`` parses tokens into parts, ``_parameter_tree`` turns a parameter into
the tree that path-to-regexp writes as a regular expression: its ``lexer``, ``parse`` and ``tokensToRegexp``, in that
order. A ``/`` or ``.`` before a parameter is its prefix, repeated with it: in ``/a/:b*`` the slash belongs to ``:b``.

Refused with a position, as there: an empty name, a group that starts with ``?``, a capturing group inside a group, an
unbalanced or empty group, two parameters with no text between them, ``*`` or ``+`` where nothing separates the
repetitions. Also refused, where path-to-regexp lets it pass: a backslash at the end.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from gateway.matching.regex_syntax import parse_regex
from gateway.matching.tree import Chars, Look, MatcherInvalid, Node, Repeat, Sequence, invert_ranges, literal, ranges_of

MAX_LENGTH = 4096  # characters
DELIMITERS = "/#?"
PREFIXES = "./"

_NOT_DELIMITER = Chars(invert_ranges(ranges_of(DELIMITERS)))
_SEGMENT = Repeat(_NOT_DELIMITER, 1, None)
_NAME = re.compile(r"[0-9A-Za-z_]*")
_TIMES = {"": (1, 1), "?": (0, 1), "*": (0, None), "+": (1, None)}


class TokenKind(StrEnum):
    """The kinds of token, by the names that path-to-regexp gives them in its errors."""

    CHAR = "CHAR"
    ESCAPED_CHAR = "ESCAPED_CHAR"
    NAME = "NAME"
    PATTERN = "PATTERN"
    MODIFIER = "MODIFIER"
    OPEN = "OPEN"
    CLOSE = "CLOSE"
    END = "END"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a matcher, and where it starts."""

    kind: TokenKind
    position: int
    text: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """What varies in a matcher. ``value`` None: only prefix and suffix, as in ``{text}?``."""

    position: int
    prefix: str
    value: Node | None
    suffix: str
    modifier: str


def parse_matcher(source: str) -> Node:
    """Return the tree of a matcher, its tolerated trailing slash included; MatcherInvalid says what is wrong, where."""
    if not source.startswith("/"):
        raise MatcherInvalid("A matcher must start with /", 0)
    if len(source) > MAX_LENGTH:
        raise MatcherInvalid(f"A matcher must not be longer than {MAX_LENGTH} characters")
    parts = _Parser(_split(source)).read_parts()
    trees = [literal(part) if isinstance(part, str) else _parameter_tree(part) for part in parts]
    return Sequence((*trees, Repeat(literal("/"), 0, 1)))


def _split(source: str) -> list[Token]:
    signs = {**dict.fromkeys("*+?", TokenKind.MODIFIER), "{": TokenKind.OPEN, "}": TokenKind.CLOSE}
    tokens: list[Token] = []
    position = 0
    while position < len(source):
        character = source[position]
        match character:
            case "\\":
                token, end = _cut_escape(source, position)
            case ":":
                token, end = _cut_name(source, position)
            case "(":
                token, end = _cut_group(source, position)
            case _:
                token, end = Token(signs.get(character, TokenKind.CHAR), position, character), position + 1
        tokens.append(token)
        position = end
    return [*tokens, Token(TokenKind.END, position, "")]


def _cut_escape(source: str, start: int) -> tuple[Token, int]:
    if start + 1 == len(source):
        raise MatcherInvalid("Nothing to escape", start)
    return Token(TokenKind.ESCAPED_CHAR, start, source[start + 1]), start + 2


def _cut_name(source: str, start: int) -> tuple[Token, int]:
    match = _NAME.match(source, start + 1)
    if not match or not match.group():
        raise MatcherInvalid("Missing parameter name", start)
    return Token(TokenKind.NAME, start, match.group()), match.end()


def _cut_group(source: str, start: int) -> tuple[Token, int]:
    """Cut ``(regex)`` by counting its parentheses, character classes or not, as path-to-regexp does."""
    if source.startswith("?", start + 1):
        raise MatcherInvalid('Pattern cannot start with "?"', start + 1)
    depth, position = 1, start + 1
    while position < len(source):
        match source[position]:
            case "\\":
                position += 1
            case ")":
                depth -= 1
            case "(":
                depth += 1
                if not source.startswith("?", position + 1):
                    raise MatcherInvalid("Capturing groups are not allowed", position)
        position += 1
        if not depth:
            break
    if depth:
        raise MatcherInvalid("Unbalanced pattern", start)
    if position == start + 2:
        raise MatcherInvalid("Missing pattern", start)
    return Token(TokenKind.PATTERN, start, source[start + 1 : position - 1]), position


class _Parser:
    """Reads tokens into parts: plain text and parameters."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.index = 0
        self.parts: list[str | Parameter] = []
        self.text = ""

    def take(self, *kinds: TokenKind) -> Token | None:
        token = self.tokens[self.index]
        if token.kind not in kinds:
            return None
        self.index += 1
        return token

    def expect(self, kind: TokenKind) -> Token:
        token = self.take(kind)
        if token is None:
            found = self.tokens[self.index]
            raise MatcherInvalid(f"Unexpected {found.kind}, expected {kind}", found.position)
        return token

    def read_parts(self) -> list[str | Parameter]:
        while not self.take(TokenKind.END):
            if self.tokens[self.index].kind is TokenKind.OPEN:
                self.read_braces()
            else:
                self.read_bare()
        self.end_text()
        return self.parts

    def read_bare(self) -> None:
        """Read ``:name(regex)mod`` with the character before it, or one character of plain text."""
        before = self.take(TokenKind.CHAR)
        name, pattern = self.take(TokenKind.NAME), self.take(TokenKind.PATTERN)
        if not (name or pattern):
            plain = before or self.take(TokenKind.ESCAPED_CHAR) or self.expect(TokenKind.END)
            self.text += plain.text
            return
        prefix = before.text if before and before.text in PREFIXES else ""
        self.text += before.text if before and not prefix else ""
        self.end_text()
        self.add(prefix, name, pattern, "")

    def read_braces(self) -> None:
        """Read ``{prefix:name(regex)suffix}mod``."""
        self.end_text()
        self.expect(TokenKind.OPEN)
        prefix = self.read_text()
        name, pattern = self.take(TokenKind.NAME), self.take(TokenKind.PATTERN)
        suffix = self.read_text()
        self.expect(TokenKind.CLOSE)
        self.add(prefix, name, pattern, suffix)

    def read_text(self) -> str:
        text = ""
        while token := self.take(TokenKind.CHAR, TokenKind.ESCAPED_CHAR):
            text += token.text
        return text

    def end_text(self) -> None:
        if self.text:
            self.parts.append(self.text)
            self.text = ""

    def add(self, prefix: str, name: Token | None, pattern: Token | None, suffix: str) -> None:
        position = (name or pattern or self.tokens[self.index]).position
        value = self.value_of(prefix, name, pattern)
        modifier = self.take(TokenKind.MODIFIER)
        self.parts.append(Parameter(position, prefix, value, suffix, modifier.text if modifier else ""))

    def value_of(self, prefix: str, name: Token | None, pattern: Token | None) -> Node | None:
        """Return what one repetition may be: the regex, or a segment that doesn't run over the text before it."""
        if pattern:
            return parse_regex(pattern.text, pattern.position + 1)
        if not name:
            return None
        last = self.parts[-1] if self.parts else ""
        before = prefix or (last if isinstance(last, str) else "")
        if isinstance(last, Parameter) and not before:
            raise MatcherInvalid("Must have text between two parameters, missing text", name.position)
        if not before or any(delimiter in before for delimiter in DELIMITERS):
            return _SEGMENT
        return Repeat(Sequence((Look(literal(before), behind=False, negated=True), _NOT_DELIMITER)), 1, None)


def _parameter_tree(parameter: Parameter) -> Node:
    """Return a parameter's tree: its prefix, value and suffix, together as often as its modifier says.

    path-to-regexp writes ``(?:P(v(?:SPv)*)S)`` for ``{PvS}+``, to capture all values in one: the same texts.
    """
    least, most = _TIMES[parameter.modifier]
    if parameter.value is None:
        return Repeat(literal(parameter.prefix + parameter.suffix), least, most)
    if most is None and not (parameter.prefix or parameter.suffix):
        raise MatcherInvalid("Can not repeat without a prefix or suffix, the parameter", parameter.position)
    return Repeat(Sequence((literal(parameter.prefix), parameter.value, literal(parameter.suffix))), least, most)
