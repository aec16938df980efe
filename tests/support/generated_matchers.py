"""Matchers and paths made at random from a seed: most valid, some nearly so, some junk."""

import random

from gateway.matching.dfa import DEAD, DFA, START

SIGNS = "/:ab(){}?*+\\.[]^$|!=<-,12dwbBkpZ안"
NAMES = ("a", "id", "path", "x1", "_")
TEXTS = ("a", "b", "ab", "foo", "x1", "안", "_", "-", ".", "$", "^", "|", "=", "!", ",", "~", "[", "]", "a.b", "A")
ATOMS = (
    *(
        "a",
        "b",
        "ab",
        "A",
        "1",
        "-",
        ".",
        "/",
        ",",
        "=",
        "!",
        ":",
        "안",
        "[ab]",
        "[^a]",
        "[^/]",
        "[a-c1]",
        "[-a]",
        "[a-]",
    ),
    *("[\\w-.]", "[a-\\d]", "[\\d-x]", "[^\\w-.]", "[\\d-a-c]", "[a-\\d-]", "[--\\s]", "[\\D-a]"),
    *("[\\d_\\-]", "[\\w.]", "[^\\s]", "[^]", "[]", "[.^]", "[\\b]", "[|)]", "[)]", "\\d", "\\w", "\\s", "\\D", "\\W"),
    *("\\S", "\\.", "\\/", "\\-", "\\(", "\\)", "\\\\", "\\x61", "\\u0062", "\\cA", "\\0", "\\t", "\\n", "\\1", "\\k"),
)
EDGES = ("^", "$", "\\b", "\\B")
QUANTIFIERS = ("*", "+", "?", "{2}", "{1,}", "{0,2}", "{1,3}", "*?", "+?", "??", "{2}?", "{0}")
LOOKS = ("(?=", "(?!", "(?<=", "(?<!")
PATH_SIGNS = "/ab.-_1A안 ,=!$~\n\u2028é"


class MatcherMaker:
    """Makes matchers and paths; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - chance, not secrecy

    def make_matcher(self) -> str:
        """Return a matcher: eight of sixteen by the grammar, five with an error put in, three of random characters."""
        kind = self._random.randrange(16)
        if kind < 3:
            return "/" + "".join(self._random.choices(SIGNS, k=self._random.randint(1, 12)))
        valid = "/" + "".join(self._piece() for _ in range(self._random.randint(1, 4)))
        return valid if kind < 11 else "/" + self._disturb(valid[1:], SIGNS)

    def make_paths(self, dfa: DFA, count: int) -> list[str]:
        """Return paths for a matcher: some that its table accepts, some nearly those, and some of plain characters."""
        accepted = [self._walk(dfa) for _ in range(count // 3)]
        near = [self._disturb(path, PATH_SIGNS) for path in accepted]
        plain = [
            "/" + "".join(self._random.choices(PATH_SIGNS, k=self._random.randint(0, 6))) for _ in range(count // 3)
        ]
        return [path for path in dict.fromkeys([*accepted, *near, *plain]) if not set(path) & set("?#")]

    def _piece(self) -> str:
        kind = self._random.randrange(8)
        if kind == 0:
            return "\\" + self._random.choice(":(){}*+?\\./ab")
        if kind == 1:
            core = self._choose("", self._core())
            return "{" + self._choose("", self._text()) + core + self._choose("", self._text()) + "}" + self._modifier()
        if kind <= 4:
            return self._random.choice(("/", "/", "/", ".", "-", "")) + self._core() + self._modifier()
        return self._choose("", "/") + self._text()

    def _core(self) -> str:
        name = ":" + self._random.choice(NAMES)
        group = f"({self._regex(2)})"
        return self._choose(name, name, name + group, group)

    def _regex(self, depth: int) -> str:
        ways = ["".join(self._term(depth) for _ in range(self._random.randint(1, 3))) for _ in range(self._few())]
        return "|".join(ways)

    def _term(self, depth: int) -> str:
        kind = self._random.randrange(12)
        if kind == 0:
            return self._random.choice(EDGES)
        if kind == 1 and depth:
            repeated = self._random.choice(QUANTIFIERS) if self._random.random() < 0.05 else ""
            return f"{self._random.choice(LOOKS)}{self._regex(depth - 1)}){repeated}"
        atom = self._random.choice(ATOMS)
        if kind <= 3 and depth:
            opening = self._choose("(?:", "(?:", f"(?<n{self._random.randrange(20)}>")
            atom = f"{opening}{self._regex(depth - 1)})"
        return atom + (self._random.choice(QUANTIFIERS) if self._random.random() < 0.4 else "")

    def _walk(self, dfa: DFA) -> str:
        """Return a text that the table accepts, or as near as a few dozen steps come."""
        text, state = "", START
        for _ in range(24):
            if state in dfa.accepting and self._random.random() < 0.4:
                break
            ways = [(column, target) for column, target in enumerate(dfa.rows[state]) if target != DEAD]
            if not ways:
                break
            column, state = self._random.choice(ways)
            text += self._character_of(dfa, column)
        return text

    def _character_of(self, dfa: DFA, column: int) -> str:
        first = dfa.bounds[column - 1] if column else 0
        after = dfa.bounds[column] if column < len(dfa.bounds) else 0x10000
        known = [sign for sign in PATH_SIGNS if first <= ord(sign) < after]
        point = first if first < 0xD800 else 0xFFFD  # beyond, UTF-16 counts in another way
        return self._random.choice(known) if known else chr(point)

    def _disturb(self, text: str, signs: str) -> str:
        """Return the text with a character put in, taken out or replaced."""
        at = self._random.randint(0, len(text))
        return text[:at] + self._choose("", self._random.choice(signs)) + text[at + self._random.randint(0, 1) :]

    def _text(self) -> str:
        return self._random.choice(TEXTS)

    def _modifier(self) -> str:
        return self._choose("", "", "?", "*", "+")

    def _few(self) -> int:
        return self._random.choice((1, 1, 2))

    def _choose(self, *ways: str) -> str:
        return self._random.choice(ways)
