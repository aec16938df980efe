"""Rules: the values that a policy consists of. ``file`` reads, ``checks`` checks, ``decision`` decides.

A policy is an ordered list. The first rule whose matcher, methods and conditions fit a request decides it; where none
fits, nothing is contacted. Rules are data: frozen, compiled, and the same for the proxy, forward auth and ``explain``.
What each word means is in ``schema``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from gateway.matching.dfa import DFA
from gateway.matching.matchers import Matcher
from gateway.policy.cors import Cors
from gateway.policy.methods import FORWARDED_METHODS
from gateway.policy.upstreams import Upstream
from shared.fast.memory import Memory

OWN_UPSTREAM = "gateway"
"""The reserved upstream of pages that the gateway answers itself: assets and the API's description."""

PROBES = ("/livez", "/readyz")
"""For operators, by any name of this machine: answered before anything is parsed or decided."""

INTERNAL = "/internal/:path*"
"""What services serve to one another. No rule can route these paths, behind a prefix neither."""
NEVER_ROUTED = (INTERNAL, "/metrics", "/livez", "/readyz", "/_gateway/:path*")
"""The same, and what services serve to their operators; an application behind a prefix may have such paths, too."""

NEXTAUTH_PATHS = "/api/auth/:path*"
"""Where NextAuth's protocol is spoken, by an upstream that gets its cookies."""

SIGN_IN_PATH = "/api/auth/signin"
"""The page to which anonymous callers are led, under the public name."""

DEFAULT_MAX_BODY = 1_048_576  # bytes
MOST_REMEMBERED = 4096  # paths
LONGEST_REMEMBERED = 256  # characters


class Access(StrEnum):
    """Who may pass, and what an anonymous caller gets instead."""

    PUBLIC = "public"  # everyone
    PROTECTED = "protected"  # anonymous: 401
    PAGE = "page"  # anonymous: the sign-in page, and back afterwards


class Authorization(StrEnum):
    """Whose ``Authorization`` header an upstream gets."""

    TOKEN = "token"  # noqa: S105 - a word of the policy. Ours: the access token of a verified caller
    OWN = "own"  # the application's: it goes on as it came, and proves nothing here
    NONE = "none"  # nobody's


class Cookies(StrEnum):
    """Which of NextAuth's cookies an upstream gets that does not sign people in."""

    NONE = "none"
    SESSION = "session"  # the session cookie of a caller whom it proves


class Paths(StrEnum):
    """Which spellings of its paths a rule lets pass, beside the canonical one (``spellings``)."""

    STRICT = "strict"  # none
    ENCODED = "encoded"  # with what has one reading for an upstream that decodes once
    RAW = "raw"  # with encoded slashes and empty segments too

    def allows(self, needed: "Paths") -> bool:
        """Tell whether a rule that says this lets pass what needs the other."""
        levels = list(Paths)
        return levels.index(needed) <= levels.index(self)


class About(StrEnum):
    """What a header can tell an upstream about a verified caller."""

    ID = "id"  # digits; never given to another user
    EMAIL = "email"  # proven: the user reads what is sent there
    UNPROVEN_EMAIL = "unproven-email"  # as they typed it
    NAME = "name"
    ROLES = "roles"  # comma-separated


class IdentityHeader(NamedTuple):
    """A header that names the caller to an upstream: its name in lower case, and what it says."""

    name: str
    about: About


class Source(StrEnum):
    """The part of a request that a condition looks at."""

    HEADER = "header"
    COOKIE = "cookie"
    QUERY = "query"
    HOST = "host"


@dataclass(frozen=True, slots=True)
class Condition:
    """One entry of ``has`` or ``missing``: that header (...) is present, and its value matches, if one is given."""

    source: Source
    key: str
    value: DFA | None = field(hash=False)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, and the line of the file on which it begins. ``max_body`` is in bytes, ``max_auth_age`` in seconds.

    ``hosts`` are names without their ports; none stands for all.
    """

    line: int
    matchers: tuple[Matcher, ...]
    access: Access
    upstream: str
    methods: frozenset[str] = FORWARDED_METHODS
    has: frozenset[Condition] = frozenset()
    missing: frozenset[Condition] = frozenset()
    max_body: int = DEFAULT_MAX_BODY
    websocket: bool = False
    role: str | None = None
    max_auth_age: int | None = None
    anonymous_forms: bool = False
    authorization: Authorization = Authorization.NONE
    identity: tuple[IdentityHeader, ...] = ()
    paths: Paths = Paths.STRICT
    strip: str = ""
    cookies: Cookies = Cookies.NONE
    hosts: frozenset[str] = frozenset()
    cors: Cors | None = None
    is_plain: bool = field(init=False, compare=False, repr=False)
    """Whether the rule applies to all requests for its paths, but for their method."""
    tells_caller: bool = field(init=False, compare=False, repr=False)
    """Whether the upstream hears who a signed-in caller is."""

    def __post_init__(self) -> None:
        """Work out what each request would have to."""
        object.__setattr__(self, "is_plain", not (self.has or self.missing or self.hosts))
        is_told = self.authorization is Authorization.TOKEN or self.cookies is Cookies.SESSION
        tells_caller = is_told or bool(self.identity)
        object.__setattr__(self, "tells_caller", tells_caller)

    def find_matcher(self, path: str) -> Matcher | None:
        """Return the first matcher that matches a canonical path, or None."""
        return next((matcher for matcher in self.matchers if matcher.matches(path)), None)

    @property
    def is_narrowed(self) -> bool:
        """Whether the rule applies only to some of the requests for its paths."""
        return bool(self.has or self.missing)

    def is_about(self, host: str | None) -> bool:
        """Tell whether the rule is about a host; None is one that no rule names."""
        return not self.hosts or host in self.hosts

    @property
    def protection(self) -> tuple[bool, str | None, int | None, bool]:
        """What the rule asks of a caller. Two rules with the same protection let the same callers in."""
        return self.access is not Access.PUBLIC, self.role, self.max_auth_age, self.anonymous_forms


class Candidate(NamedTuple):
    """A rule that matches a path, its matcher that does so, and its upstream: None is the gateway itself."""

    rule: Rule
    matcher: Matcher
    upstream: Upstream | None


@dataclass(frozen=True, slots=True)
class Policy:
    """All rules in their order, the upstreams they name, and the paths that are never routed.

    ``lacks`` are the pages of ours that no rule reaches, by the hosts that rules name; None stands for all other hosts
    (``reach``).
    """

    rules: tuple[Rule, ...]
    upstreams: tuple[Upstream, ...]
    never_routed: tuple[Matcher, ...]
    lacks: Mapping[str | None, frozenset[str]] = field(default_factory=dict, compare=False)
    identity_names: frozenset[str] = field(init=False, compare=False, repr=False)
    """The headers by which any rule names callers, in lower case. A client's own never pass, to no upstream."""
    takes_spellings: bool = field(init=False, compare=False, repr=False)
    """Whether any rule lets a path pass that is not canonical."""
    _by_path: Memory[str, tuple[Candidate, ...]] = field(
        default_factory=lambda: Memory(MOST_REMEMBERED), compare=False, repr=False
    )

    def __post_init__(self) -> None:
        """Work out what each request would have to."""
        names = frozenset(header.name for rule in self.rules for header in rule.identity)
        object.__setattr__(self, "identity_names", names)
        object.__setattr__(self, "takes_spellings", any(rule.paths is not Paths.STRICT for rule in self.rules))

    def list_candidates(self, path: str) -> tuple[Candidate, ...]:
        """Return the rules that match a canonical path, in their order; none for one that is never routed.

        Cached for a bounded number of short paths: services get requests for the same ones again and again.
        """
        candidates = self._by_path.find(path)
        if candidates is None:
            candidates = () if self.is_never_routed(path) else tuple(self._match_rules(path))
            if len(path) <= LONGEST_REMEMBERED:
                self._by_path.keep(path, candidates)
        return candidates

    def _match_rules(self, path: str) -> Iterator[Candidate]:
        for rule in self.rules:
            matcher = rule.find_matcher(path)
            if matcher is not None:
                yield Candidate(rule, matcher, self.find_upstream(rule.upstream))

    def find_upstream(self, name: str) -> Upstream | None:
        """Return the upstream with that name; None is the gateway itself."""
        return next((upstream for upstream in self.upstreams if upstream.name == name), None)

    def list_lacking(self, host: str | None) -> frozenset[str]:
        """Return the pages of ours that no rule reaches at a host."""
        return self.lacks.get(host, self.lacks.get(None, frozenset()))

    def list_hosts(self) -> list[str | None]:
        """Return the hosts that rules name, and None, which stands for all others."""
        return [None, *sorted({host for rule in self.rules for host in rule.hosts})]

    def is_never_routed(self, path: str) -> bool:
        """Tell whether the path is one that no rule can open."""
        return any(matcher.matches(path) for matcher in self.never_routed)


class PolicyInvalid(Exception):
    """A policy that can't be used: the file, the line and what is wrong, in one line."""

    def __init__(self, file: str, line: int, reason: str) -> None:
        self.line = line
        self.reason = reason
        super().__init__(f"{file}, line {line}: {reason}")
