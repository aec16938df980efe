"""Who sends a request, and what else of it a rule looks at: one situation for each that two rules may tell apart.

What a rule does with a request depends on nothing but these (``decision.apply_rule``):

1. The caller: anonymous, or a user with or without the roles that the two rules ask for, who signed in within, between
   or longer ago than what they ask for. Where the Authorization header is not ours for one of the rules, also whether
   they are known by a token in it, or by their session cookie; and whether there are several such headers.
2. Whether it may be a navigation (Fetch Metadata). Whether it is a form of ours (POST).
3. Whether it asks for a WebSocket, well or badly.
4. How long its body is announced to be: at most what both rules allow, or more than one of them does.

All combinations are tried, so two rules that agree in all of them do the same with every request.
"""

from collections.abc import Hashable, Iterator, Sequence
from itertools import product
from typing import NamedTuple

from gateway.messages.raw_headers import RawHeader
from gateway.policy.choice import RequestFacts
from gateway.policy.rules import Access, Authorization, Rule
from gateway.proving.cubes import Cube, merge_points
from shared.tokens.authentication import Anonymous, Caller, Reason, User
from shared.tokens.claims import Claims

NOW = 1_800_000_000
ORIGIN = "https://example.com"

TOKEN: RawHeader = (b"authorization", b"Bearer <an access token>")
"""What stands for a token in the header."""

_OTHER_SCHEME: RawHeader = (b"authorization", b"Basic YTpi")
_NAVIGATING: RawHeader = (b"sec-fetch-mode", b"navigate")
_NOT_NAVIGATING: RawHeader = (b"sec-fetch-mode", b"cors")
_TELLING = frozenset({b"accept", b"x-requested-with"})  # of a script, where there is no Fetch Metadata
_FORM: tuple[RawHeader, ...] = (
    (b"content-type", b"application/x-www-form-urlencoded"),
    (b"sec-fetch-site", b"same-origin"),
)
_UPGRADE: tuple[RawHeader, ...] = ((b"upgrade", b"websocket"),)
_HANDSHAKE: tuple[RawHeader, ...] = (
    *_UPGRADE,
    (b"connection", b"upgrade"),
    (b"sec-websocket-version", b"13"),
    (b"sec-websocket-key", b"AAAAAAAAAAAAAAAAAAAAAA=="),
)
_SEVERAL_CREDENTIALS: tuple[RawHeader, ...] = ((b"authorization", b"Basic eA=="), (b"authorization", b"Basic eQ=="))


class Sender(NamedTuple):
    """A kind of caller. ``roles`` None is anonymous. ``age`` is how long ago they signed in, in seconds, at least.

    ``by_header``: known by a token in the Authorization header.
    """

    roles: frozenset[str] | None = None
    age: int = 0
    by_header: bool = False

    def as_caller(self) -> Caller:
        """Return such a caller."""
        if self.roles is None:
            return Anonymous(Reason.MISSING)
        claims = Claims(1, "Ada", "ada@example.com", "", "", NOW, NOW + 3600, NOW - self.age, tuple(sorted(self.roles)))
        return User(claims, "token")


class Situation(NamedTuple):
    """Who sends a request, and how. ``body`` is the announced length, or None.

    ``is_repeated``: with several Authorization headers, none of which is ours.
    """

    sender: Sender
    is_fetch: bool = False
    is_form: bool = False
    upgrade: tuple[RawHeader, ...] = ()
    body: int | None = None
    is_repeated: bool = False

    def as_possible(self) -> "Situation":
        """Return the situation without what can't be: a body beside an upgrade, a token beside other headers.

        A request for an upgrade has no body (``messages.headers``), and of several Authorization headers none is
        believed.
        """
        is_repeated = self.is_repeated and not self.sender.by_header
        return self._replace(body=None if self.upgrade else self.body, is_repeated=is_repeated)

    def put_into(self, request: RequestFacts) -> RequestFacts:
        """Return the request as it comes in this situation."""
        is_doubtful = any(name in _TELLING for name, _ in request.headers)
        headers = (
            *([TOKEN] if self.sender.by_header else []),
            *([_OTHER_SCHEME] * 2 if self.is_repeated else []),
            *([_NOT_NAVIGATING] if self.is_fetch else [_NAVIGATING] if is_doubtful else []),
            *(_FORM if self.is_form else ()),
            *self.upgrade,
        )
        return request._replace(headers=(*request.headers, *headers), content_length=self.body)


class Ways(NamedTuple):
    """The ways in which situations may differ, for some rules and a method; the plainest first."""

    sender: tuple[Sender, ...]
    is_fetch: tuple[bool, ...]
    is_form: tuple[bool, ...]
    upgrade: tuple[tuple[RawHeader, ...], ...]
    body: tuple[int | None, ...]
    is_repeated: tuple[bool, ...] = (False,)

    @classmethod
    def of(cls, rules: Sequence[Rule], method: str) -> "Ways":
        """Return all that may matter to one of these rules."""
        has_pages = any(rule.access is Access.PAGE for rule in rules)
        has_forms = method == "POST" and any(rule.anonymous_forms for rule in rules)
        return cls(
            tuple(list_senders(rules)),
            (False, True) if has_pages else (False,),
            (False, True) if has_forms else (False,),
            ((), _UPGRADE, _HANDSHAKE) if method == "GET" else ((), _UPGRADE),
            (None, *sorted({rule.max_body + 1 for rule in rules})),
            (False, True) if _have_own_header(rules) else (False,),
        )

    def list_situations(self) -> Iterator[Situation]:
        """Return all combinations."""
        return map(Situation._make, product(*self))

    def choose_plainest(self, cube: Cube[Hashable]) -> Situation:
        """Return the plainest situation of a product of them."""
        return Situation._make(next(way for way in ways if way in some) for ways, some in zip(self, cube, strict=True))

    def describe(self, cube: Cube[Hashable]) -> str:
        """Return how requests come in these situations, beside who sends them; empty for plain ones."""
        fetch, form, upgrade, body, repeated = (some for some in cube[1:])
        parts = [
            _name_fetch(fetch) if len(fetch) < len(self.is_fetch) else "",
            _name_form(form) if len(form) < len(self.is_form) else "",
            _name_upgrade(upgrade, self.upgrade) if len(upgrade) < len(self.upgrade) else "",
            _name_body([length for length in self.body if length in body], self.body),
            "with several Authorization headers" if repeated == {True} else "",
        ]
        return ", ".join(filter(None, parts))

    def describe_senders(self, senders: frozenset[Hashable]) -> str:
        """Return who sends requests."""
        if len(senders) == len(self.sender):
            return "anyone"
        users = [sender for sender in self.sender if sender.roles is not None]
        found = [sender for sender in users if sender in senders]
        roles = sorted(frozenset[str]().union(*(sender.roles or () for sender in users)))
        ages = sorted({sender.age for sender in users})
        points = [
            (*((role in (sender.roles or ())) for role in roles), sender.by_header, sender.age) for sender in found
        ]
        has_own = any(sender.by_header for sender in users)
        names = ["anonymous"] if Sender() in senders else []
        names += (
            ["signed in"]
            if len(found) == len(users)
            else [_name_users(cube, roles, ages, has_own=has_own) for cube in merge_points(points)]
        )
        return " or ".join(names)


def list_senders(rules: Sequence[Rule]) -> Iterator[Sender]:
    """Return all kinds of caller that some rules tell apart, anonymous ones first."""
    roles = sorted({rule.role for rule in rules if rule.role is not None})
    ages = sorted({rule.max_auth_age + 1 for rule in rules if rule.max_auth_age is not None})
    has_own = _have_own_header(rules)
    yield Sender()
    for are_held in product((False, True), repeat=len(roles)):
        held = frozenset(role for role, is_held in zip(roles, are_held, strict=True) if is_held)
        for age in (0, *ages):
            yield from (Sender(held, age, by_header) for by_header in ((False, True) if has_own else (False,)))


def _have_own_header(rules: Sequence[Rule]) -> bool:
    return any(rule.authorization is Authorization.OWN for rule in rules)


def _name_users(cube: Cube[Hashable], roles: Sequence[str], ages: Sequence[int], *, has_own: bool) -> str:
    """Return who some users are: a cube says which roles they have, by what they are known, and when they signed in."""
    *held, by_header, since = cube
    with_role = [role for role, values in zip(roles, held, strict=True) if values == {True}]
    without = [role for role, values in zip(roles, held, strict=True) if values == {False}]
    demands = [f"with the role {role}" for role in with_role] + [f"without the role {role}" for role in without]
    words = ["signed in", _name_age([age for age in ages if age in since], ages)]
    if has_own and len(by_header) == 1:
        words.append("by a token in the header" if True in by_header else "by the session cookie")
    words.append(" and ".join(demands))
    return " ".join(filter(None, words))


def _name_age(chosen: Sequence[int], ages: Sequence[int]) -> str:
    """Return how long ago; each age is the least of its class, and the classes that are chosen lie side by side."""
    if len(chosen) == len(ages):
        return ""
    following = [age for age in ages if age > chosen[-1]]
    if not following:
        return f"more than {chosen[0] - 1} s ago"
    return f"within {following[0] - 1} s" if chosen[0] == 0 else f"{chosen[0]} to {following[0] - 1} s ago"


def _name_fetch(fetch: frozenset[Hashable]) -> str:
    return "not navigating" if True in fetch else "navigating"


def _name_form(form: frozenset[Hashable]) -> str:
    return "a form of ours" if True in form else "no form of ours"


def _name_upgrade(chosen: frozenset[Hashable], ways: Sequence[tuple[RawHeader, ...]]) -> str:
    """Return what a request asks for: no upgrade is plain, and needs no word."""
    if chosen == {()}:
        return ""
    if () in chosen:
        return "unless opening a WebSocket" if _UPGRADE in chosen else "unless asking badly for a WebSocket"
    if len(chosen) == len(ways) - 1:
        return "asking for a WebSocket"
    return "opening a WebSocket" if _HANDSHAKE in chosen else "asking badly for a WebSocket"


def _name_body(chosen: Sequence[int | None], ways: Sequence[int | None]) -> str:
    """Return how long the body is; each length is the least of its class. None, the shortest, is plain."""
    if chosen == [None] or len(chosen) == len(ways):
        return ""
    lengths = [length or 0 for length in ways]
    ranges = [(length or 0, next((each - 1 for each in lengths if each > (length or 0)), None)) for length in chosen]
    names = [f"of {low} bytes or more" if high is None else f"of {low} to {high} bytes" for low, high in ranges]
    return f"with a body {' or '.join(names)}"
