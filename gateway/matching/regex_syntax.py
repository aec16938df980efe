r"""JavaScript regular expressions, as far as a matcher may use them, parsed into a tree.

A matcher's ``(regex)`` is JavaScript (ECMA-262, section 22.2.1, without flags). Python's ``re`` would accept the same
text with another meaning in a dozen places: ``$``, ``\d``, ``[^]``, ``(?<n>``, ``\Z``, ``{,3}``, the width of a
look-behind. So it is never handed to ``re``; it is parsed here. The laws:

1. What is accepted means the same as in JavaScript, counted in code points instead of UTF-16 units.
2. What can't be matched in linear time (back-references), or is most likely a mistake (an unescaped ``{``, an escape
   without a meaning), is refused with its position. Nothing is guessed.
3. Whatever the text, the only error is MatcherInvalid.
"""

import re

from gateway.matching.tree import (
    ANY,
    Chars,
    Choice,
    Look,
    MatcherInvalid,
    Node,
    Ranges,
    Repeat,
    Sequence,
    invert_ranges,
    merge_ranges,
    ranges_of,
)

MOST_NESTING = 32
MOST_REPEATS = 1000

_DIGITS = ranges_of("0123456789")
_WORD = merge_ranges([*_DIGITS, *ranges_of("_"), (0x41, 0x5A), (0x61, 0x7A)])
_SPACE = merge_ranges([*ranges_of("\t\n\v\f\r \xa0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff"), (0x2000, 0x200A)])
_ALL_BUT_LINE_ENDS = Chars(invert_ranges(ranges_of("\n\r\u2028\u2029")))
_NAMED_SETS = {"d": _DIGITS, "w": _WORD, "s": _SPACE}
_NAMED_SETS |= {name.upper(): invert_ranges(ranges) for name, ranges in _NAMED_SETS.items()}
_CONTROLS = {"t": 0x09, "n": 0x0A, "v": 0x0B, "f": 0x0C, "r": 0x0D}
_LOOKS = {"(?=": (False, False), "(?!": (False, True), "(?<=": (True, False), "(?<!": (True, True)}

_QUANTIFIER = re.compile(r"([*+?]|\{([0-9]{1,4})(?:(,)([0-9]{0,4}))?\})\??")
_CODE = re.compile(r"x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|c([A-Za-z])")
_ASSERTION = re.compile(r"\^|\$|\\[bB]|\(\?<?[=!]")
_GROUP = re.compile(r"\((?:\?:|\?<[A-Za-z_$][A-Za-z0-9_$]*>|(?!\?))")


def parse_regex(text: str, offset: int = 0) -> Node:
    """Return the tree of ``text``, which begins at ``offset`` in its matcher: positions in errors count from there."""
    parser = _Parser(text, offset)
    node = parser.read_choice(0)
    if parser.position < len(text):
        raise parser.error("Unmatched )")
    return node


class _Parser:
    """Recursive descent; one method for each production of ECMA-262, section 22.2.1."""

    def __init__(self, text: str, offset: int) -> None:
        self.text = text
        self.offset = offset
        self.position = 0

    def error(self, reason: str) -> MatcherInvalid:
        return MatcherInvalid(reason, self.offset + self.position)

    def peek(self) -> str:
        return self.text[self.position : self.position + 1]

    def take(self) -> str:
        character = self.peek()
        if not character:
            raise self.error("Unexpected end of the regular expression")
        self.position += 1
        return character

    def skip(self, wanted: str) -> bool:
        found = self.text.startswith(wanted, self.position)
        self.position += len(wanted) if found else 0
        return found

    def read(self, expected: re.Pattern[str]) -> re.Match[str] | None:
        found = expected.match(self.text, self.position)
        self.position = found.end() if found else self.position
        return found

    def read_choice(self, depth: int) -> Node:
        """Read a Disjunction."""
        if depth > MOST_NESTING:
            raise self.error(f"More than {MOST_NESTING} groups inside one another")
        ways = [self.read_sequence(depth)]
        while self.skip("|"):
            ways.append(self.read_sequence(depth))
        return ways[0] if len(ways) == 1 else Choice(tuple(ways))

    def read_sequence(self, depth: int) -> Node:
        """Read an Alternative."""
        parts: list[Node] = []
        while self.peek() not in {"", "|", ")"}:
            parts.append(self.read_assertion(depth) or self.read_repeat(self.read_atom(depth)))
        return Sequence(tuple(parts))

    def read_assertion(self, depth: int) -> Node | None:
        """Read an Assertion, if there is one. A quantifier after it falls to ``read_atom``, which refuses it."""
        found = self.read(_ASSERTION)
        if not found:
            return None
        match found.group():
            case "^" | "$" as edge:
                return Look(ANY, behind=edge == "^", negated=True)
            case "\\b" | "\\B" as edge:
                return _word_edge(wanted=edge == "\\b")
            case opening:
                behind, negated = _LOOKS[opening]
                return Look(self.read_group_body(depth), behind, negated)

    def read_repeat(self, node: Node) -> Node:
        """Read a Quantifier for ``node``, if there is one."""
        found = self.read(_QUANTIFIER)
        if not found:
            return node
        sign, low, comma, high = found.groups()
        least = int(low) if low else {"*": 0, "+": 1, "?": 0}[sign]
        most = int(high) if high else None if comma or sign in {"*", "+"} else 1 if sign == "?" else least
        if max(least, most or 0) > MOST_REPEATS:
            raise self.error(f"More than {MOST_REPEATS} repetitions")
        if most is not None and most < least:
            raise self.error("Repetition out of order")
        return Repeat(node, least, most)

    def read_atom(self, depth: int) -> Node:
        """Read an Atom."""
        match self.peek():
            case "(":
                if not self.read(_GROUP):
                    raise self.error("Unknown kind of group")
                return self.read_group_body(depth)
            case "*" | "+" | "?" | "{" | "}" | "]" as sign:
                raise self.error(f"Nothing to repeat, or an unescaped {sign}")
        match self.take():
            case ".":
                return _ALL_BUT_LINE_ENDS
            case "[":
                return self.read_class()
            case "\\":
                return Chars(self.read_escape())
            case character:
                return Chars(ranges_of(character))

    def read_group_body(self, depth: int) -> Node:
        body = self.read_choice(depth + 1)
        if not self.skip(")"):
            raise self.error("Unterminated group")
        return body

    def read_escape(self) -> Ranges:
        """Read an AtomEscape, after its backslash."""
        coded = self.read(_CODE)
        if coded:
            two, four, letter = coded.groups()
            point = ord(letter) % 32 if letter else int(two or four, 16)
            return ((point, point),)
        character = self.take()
        if character in _NAMED_SETS:
            return _NAMED_SETS[character]
        if character in _CONTROLS:
            return ((_CONTROLS[character], _CONTROLS[character]),)
        if character == "0" and self.peek() not in set("0123456789"):
            return ((0, 0),)
        if character.isascii() and character.isalnum():
            raise self.error(f"The escape \\{character} is not allowed")
        return ranges_of(character)

    def read_class(self) -> Node:
        """Read a CharacterClass, after its ``[``. ``[]`` is nothing and ``[^]`` is anything."""
        negated = self.skip("^")
        members: list[tuple[int, int]] = []
        while not self.skip("]"):
            low = self.read_class_atom()
            is_range = self.peek() == "-" and not self.text.startswith("-]", self.position)
            members += self.join(low, self.read_class_atom()) if is_range and self.skip("-") else low
        ranges = merge_ranges(members)
        return Chars(invert_ranges(ranges) if negated else ranges)

    def read_class_atom(self) -> Ranges:
        if not self.skip("\\"):
            return ranges_of(self.take())
        return ((0x08, 0x08),) if self.skip("b") else self.read_escape()

    def join(self, low: Ranges, high: Ranges) -> Ranges:
        r"""Return the range between two single characters. Beside a set (``\d``) the dash is one (annex B.1.2)."""
        (first, first_end), (last, last_end) = low[0], high[-1]
        if first != first_end or last != last_end or len(low) + len(high) != 2:  # noqa: PLR2004 - one each
            return (*low, *ranges_of("-"), *high)
        if first > last:
            raise self.error("Character range out of order")
        return ((first, last),)


def _word_edge(*, wanted: bool) -> Choice:
    r"""Return ``\b``, a word character on exactly one side, or ``\B``, on both or on none."""
    word = Chars(_WORD)
    return Choice(
        tuple(
            Sequence((Look(word, behind=True, negated=not before), Look(word, behind=False, negated=before == wanted)))
            for before in (True, False)
        )
    )
