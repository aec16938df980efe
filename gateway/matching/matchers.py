"""Matchers: which paths a rule applies to. Next.js' syntax and meaning, in time linear in the path.

    /about              /about  /about/                  not /about/team  /About
    /about/:path        /about/a                         not /about  /about/a/b
    /about/:path+       /about/a  /about/a/b             not /about
    /about/:path*       /about  /about/  /about/a/b      not /aboutx
    /((?!api|static|favicon.ico).*)    /  /admin         not /api/user  /apiary (as in Next.js)

The laws:

1. The whole path must match, in its own case; one trailing slash more is tolerated.
2. A matcher sees only canonical paths (``policy.canonical_paths``), and returns yes or no. It raises nothing.
3. An invalid matcher is refused when it is compiled, with MatcherInvalid and nothing else, whatever the text.
4. Each character of a path is read once: no path can make a matcher slow.

Unlike Next.js: its extra ``.json`` and ``/_next/data`` variants, which exist for its own data routes, are left out, and
a character is a code point, not a UTF-16 unit.
"""

from bisect import bisect_right
from dataclasses import dataclass, field, replace

from gateway.matching.dfa import DEAD, DFA, START, build_dfa
from gateway.matching.path_syntax import parse_matcher
from gateway.matching.regex_syntax import parse_regex
from gateway.matching.tree import MatcherInvalid

__all__ = ["Matcher", "MatcherInvalid", "compile_matcher", "compile_regex"]


_SLASH = ord("/")


@dataclass(frozen=True, slots=True)
class Matcher:
    """A compiled matcher. Every path that it matches starts with ``prefix``, which alone rules out most others."""

    source: str
    dfa: DFA = field(hash=False)  # the source tells matchers apart; a table takes long to hash
    prefix: str
    after_prefix: int

    def matches(self, path: str) -> bool:
        """Tell whether a canonical path, as text, matches."""
        prefix = self.prefix
        return path.startswith(prefix) and self.dfa.accepts(path[len(prefix) :], self.after_prefix)

    @property
    def first_segment(self) -> str:
        """The path of the first segment, where all paths that it matches have the same one; else an empty text."""
        path = "/" + self.prefix[1:].partition("/")[0]
        return path if path != "/" and self.is_below(path) else ""

    def is_below(self, path: str) -> bool:
        """Tell whether all paths that it matches are this one or begin with it and a slash."""
        if self.prefix != path:
            return self.prefix.startswith(f"{path}/")
        bounds, row = self.dfa.bounds, self.dfa.rows[self.after_prefix]
        column = bisect_right(bounds, _SLASH)
        others = [target for each, target in enumerate(row) if each != column]
        is_alone = bounds[column - 1 : column + 1] == (_SLASH, _SLASH + 1) or row[column] == DEAD
        return is_alone and all(target == DEAD for target in others)


def compile_matcher(source: str) -> Matcher:
    """Return the compiled matcher, or raise MatcherInvalid."""
    dfa = build_dfa(parse_matcher(source))
    prefix, state = _literal_prefix(dfa)
    return Matcher(source, dfa, prefix, state)


def compile_regex(source: str) -> DFA:
    """Return the table of a JavaScript regular expression that has to match a whole text, or raise MatcherInvalid."""
    return replace(build_dfa(parse_regex(source)), source=source)


def _literal_prefix(dfa: DFA) -> tuple[str, int]:
    """Return the text that all matched texts start with, and the state after it."""
    prefix, state = "", START
    ends = (*dfa.bounds, None)
    while state not in dfa.accepting:
        ways = [(column, target) for column, target in enumerate(dfa.rows[state]) if target != DEAD]
        column, target = ways[0] if len(ways) == 1 else (0, DEAD)
        if column == 0 or ends[column] != dfa.bounds[column - 1] + 1:
            break
        prefix, state = prefix + chr(dfa.bounds[column - 1]), target
    return prefix, state
