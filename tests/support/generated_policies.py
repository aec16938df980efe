"""Policies, changes of them and requests, made at random from a seed: small, so that rules meet again and again."""

import random
from dataclasses import replace
from functools import cache
from typing import Any
from urllib.parse import quote

from gateway.matching.matchers import Matcher, compile_matcher, compile_regex
from gateway.policy.canonical_paths import KEPT_RAW, CanonicalPath, PathRefused, canonicalize_path
from gateway.policy.choice import RequestFacts
from gateway.policy.cors import Cors
from gateway.policy.methods import FORWARDED_METHODS, METHODS
from gateway.policy.rules import (
    NEVER_ROUTED,
    About,
    Access,
    Authorization,
    Condition,
    Cookies,
    IdentityHeader,
    Paths,
    Policy,
    Rule,
    Source,
)
from gateway.policy.upstreams import Replica, Upstream
from gateway.proving.situations import NOW, ORIGIN, TOKEN
from shared.tokens.authentication import Anonymous, Caller, Reason, User
from shared.tokens.claims import Claims
from tests.support.generated_matchers import MatcherMaker

UPSTREAMS = (
    Upstream("posts", (Replica("posts", 80),)),
    Upstream("auth", (Replica("auth", 80),), session_cookies=True),
)
MATCHERS = (
    *("/", "/a", "/b", "/a/b", "/a/:x", "/a/:x*", "/a/:x+", "/:x", "/:x*", "/:x/b", "/:x/:y", "/b/:x", "/b/:x?"),
    *("/a/:x(\\d+)", "/:x(a|b)", "/:x([ab]+)/:y*", "/((?!a).*)", "/((?!api|b).*)", "/a.:x", "/:x.b", "/{a}?/b", "/ab"),
    *(
        "/api/:x*",
        "/api/:x",
        "/api/a",
        "/:x(a?b?)",
        "/:x([^a]{1,2})",
        "/a/:x/b",
        "/internal/:x*",
        "/안/:x*",
        "/a/:x([^%;]*)",
        "/:x([ab]%?)",
        "/b/:x(.*)",
        "/a{-:x}?",
    ),
)
METHOD_SETS = (
    FORWARDED_METHODS,
    {"GET", "HEAD"},
    {"POST"},
    {"GET", "HEAD", "POST"},
    {"PUT", "DELETE"},
    METHODS,
    {"PROPFIND"},
)
CONDITIONS = (
    (Source.HEADER, "x-beta", None),
    (Source.HEADER, "x-beta", "on"),
    (Source.HEADER, "x-beta", "on|yes"),
    (Source.COOKIE, "c", None),
    (Source.QUERY, "q", None),
    (Source.QUERY, "q", "\\d*"),
    (Source.HOST, "", "beta\\..*"),
)
CREDENTIALS = ((b"authorization", b"Basic eA=="), (b"authorization", b"Basic eQ=="))
HEADERS = (
    *((b"x-beta", value) for value in (b"on", b"yes", b"no", b"")),
    *((b"cookie", value) for value in (b"c=1", b"d=1", b"c=")),
    *((b"host", value) for value in (b"beta.example.com", b"example.com:3000")),
    *((b"sec-fetch-mode", value) for value in (b"navigate", b"cors")),
    *((b"sec-fetch-site", value) for value in (b"same-origin", b"cross-site")),
    (b"content-type", b"application/x-www-form-urlencoded"),
    *CREDENTIALS,
    (b"upgrade", b"websocket"),
    (b"upgrade", b"h2c"),
    (b"connection", b"upgrade"),
    (b"sec-websocket-version", b"13"),
    (b"sec-websocket-key", b"AAAAAAAAAAAAAAAAAAAAAA=="),
)
HOST_SETS = tuple(map(frozenset, ({"beta.example.com"}, {"example.com"}, {"beta.example.com", "example.org"})))
CORS = (Cors(frozenset({"*"})), Cors(frozenset({"https://app.example"}), credentials=True))
IDENTITIES = (
    *((), ()),
    (IdentityHeader("remote-email", About.EMAIL), IdentityHeader("remote-user", About.ID)),
    (IdentityHeader("x-user", About.NAME),),
)
WORDS_OF_RULES: dict[str, tuple[Any, ...]] = {
    "authorization": (*Authorization, Authorization.TOKEN, Authorization.TOKEN),
    "identity": (*[IDENTITIES[0]] * 4, *IDENTITIES),
    "cookies": (*Cookies, Cookies.NONE, Cookies.NONE),
    "paths": (*Paths, Paths.STRICT, Paths.STRICT, Paths.STRICT),
    "hosts": (*[frozenset[str]()] * 5, *HOST_SETS),
    "cors": (*[None] * 8, *CORS),
}
"""Words that say where a rule applies, what goes along, and who may read the answers."""
CHANGED_WORDS = {**WORDS_OF_RULES, "role": (None,), "upstream": ("posts", "auth", "gateway")}

AUTHORIZATIONS: tuple[tuple[tuple[bytes, bytes], ...], ...] = (
    *((), (), (), (TOKEN,), ((b"authorization", b"Basic YTpi"),)),
    ((b"authorization", b"Basic YTpi"), (b"authorization", b"Basic eA==")),
)
SPELLED = (
    *(b"%23", b"%3F", b"%3B", b"%25", b"%2F", b"/", b"[", b"|", b"/b", b"%2Fb", b"%3Ba", b"a%23"),
    *(b"%2561", b"%252F", b"%253B", b"%252561", b"%2523", b"%3Bb/", b"%EC%95%88"),
)
QUERIES = (b"", b"q", b"q=1", b"q=a", b"q=1&q=", b"r=1")
ROLES = ("admin", "editor")
AGES = (0, 30, 60, 61, 300, 301, 4000)
LENGTHS = (None, None, 0, 10, 11, 100, 101)


class PolicyMaker:
    """Makes policies, changes and requests; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - chance, not secrecy
        self._matchers = MatcherMaker(seed)

    def make_policy(self) -> Policy:
        """Return a policy of one to eight rules. It need not keep the laws of ``checks``."""
        rules = tuple(self._make_rule(line) for line in range(1, self._random.randint(2, 9)))
        return Policy(rules, UPSTREAMS, tuple(map(compile_one, NEVER_ROUTED)))

    def change(self, policy: Policy) -> Policy:
        """Return the policy after one to three of ``CHANGES``."""
        for _ in range(self._random.choice((1, 1, 2, 3))):
            policy = self.make_change(self._random.choice(CHANGES), policy)
        return policy

    def make_change(self, kind: str, policy: Policy) -> Policy:
        """Return the policy after a change of this kind to one of the rules that allow it; else as it is."""
        for at in self._random.sample(range(len(policy.rules)), len(policy.rules)):
            rules = self._change_rule(kind, list(policy.rules), at)
            if tuple(rules) != policy.rules:
                numbered = tuple(replace(rule, line=line) for line, rule in enumerate(rules, 1))
                return Policy(numbered, policy.upstreams, policy.never_routed)
        return policy

    def _change_rule(self, kind: str, rules: list[Rule], at: int) -> list[Rule]:
        rule = rules[at]
        match kind:
            case "drop" if len(rules) > 1:
                del rules[at]
            case "swap":
                other = self._random.randrange(len(rules))
                rules[at], rules[other] = rules[other], rules[at]
            case "widen":
                rules[at] = replace(rule, matchers=tuple(map(widen, rule.matchers)))
            case "open" if rule.access is Access.PAGE:
                rules[at] = replace(rule, access=Access.PUBLIC, role=None, max_auth_age=None, anonymous_forms=False)
            case "method":
                rules[at] = replace(rule, methods=rule.methods | {self._random.choice(sorted({*METHODS, "PROPFIND"}))})
            case "split" if len(rule.matchers) > 1:
                rules[at : at + 1] = [replace(rule, matchers=some) for some in (rule.matchers[:1], rule.matchers[1:])]
            case "add":
                rules.insert(at, self._make_rule(len(rules) + 1))
            case word if word in CHANGED_WORDS:
                rules[at] = self._change_word(rule, word)
        return rules

    def _change_word(self, rule: Rule, word: str) -> Rule:
        changed: dict[str, Any] = {word: self._random.choice(CHANGED_WORDS[word])}
        return replace(rule, **changed)

    def make_requests(self, policies: tuple[Policy, ...], count: int) -> list[tuple[RequestFacts, Caller]]:
        """Return requests for paths that the policies' matchers match, or nearly match."""
        paths = self._make_paths(policies, max(count // 4, 8))
        return [(self._make_request(self._random.choice(paths)), self._make_caller()) for _ in range(count)]

    def make_spelled(self, policies: tuple[Policy, ...], count: int) -> list[tuple[RequestFacts, bytes]]:
        """Return requests, each with a path that is spelled otherwise than it may be."""
        found = []
        for request, _ in self.make_requests(policies, count):
            raw = request.path.raw
            for _ in range(self._random.choice((1, 1, 2, 3))):
                at = self._random.randint(1, len(raw))
                raw = raw[:at] + self._random.choice(SPELLED) + raw[at:]
            found.append((request, raw))
        return found

    def _make_rule(self, line: int) -> Rule:
        choose, maybe = self._random.choice, self._random.random
        access = choose(tuple(Access))
        demands = access is not Access.PUBLIC
        return Rule(
            line=line,
            matchers=tuple(compile_one(choose(MATCHERS)) for _ in range(choose((1, 1, 2)))),
            access=access,
            upstream=choose(("posts", "auth", "gateway")),
            methods=frozenset(choose(METHOD_SETS)),
            has=self._make_conditions(),
            missing=self._make_conditions(),
            max_body=choose((10, 100)),
            websocket=maybe() < 0.2,
            role=choose(ROLES) if demands and maybe() < 0.3 else None,
            max_auth_age=choose((60, 300)) if demands and maybe() < 0.3 else None,
            anonymous_forms=access is Access.PAGE and maybe() < 0.3,
            **{word: choose(values) for word, values in WORDS_OF_RULES.items()},
        )

    def _make_conditions(self) -> frozenset[Condition]:
        if self._random.random() < 0.8:
            return frozenset()
        return frozenset(make_condition(*self._random.choice(CONDITIONS)) for _ in range(self._random.choice((1, 2))))

    def _make_paths(self, policies: tuple[Policy, ...], count: int) -> list[CanonicalPath]:
        matchers = [matcher for policy in policies for rule in policy.rules for matcher in rule.matchers]
        found = [CanonicalPath("/", b"/")]
        while len(found) < count:
            for path in self._matchers.make_paths(self._random.choice(matchers).dfa, 9):
                try:
                    found.append(canonicalize_path(quote_path(path)))
                except PathRefused:
                    continue
        return found

    def _make_request(self, path: CanonicalPath) -> RequestFacts:
        headers = tuple(self._random.sample(HEADERS, self._random.choice((0, 0, 1, 2, 3))))
        if self._random.random() < 0.1:
            headers = HEADERS[-5:-4] + HEADERS[-3:] + headers
        headers += self._random.choice(AUTHORIZATIONS)
        asks_upgrade = any(name == b"upgrade" for name, _ in headers)  # which no body may follow
        return RequestFacts(
            self._random.choice(sorted({*METHODS, "PROPFIND", "MKCOL"})),
            path,
            self._random.choice(QUERIES),
            headers,
            NOW,
            ORIGIN,
            content_length=self._random.choice((None, 0) if asks_upgrade else LENGTHS),
        )

    def _make_caller(self) -> Caller:
        if self._random.random() < 0.4:
            return Anonymous(self._random.choice(tuple(Reason)))
        roles = tuple(role for role in ROLES if self._random.random() < 0.5)
        since = NOW - self._random.choice(AGES) if self._random.random() < 0.9 else None
        return User(Claims(7, "Bob", "bob@example.com", "s", "t", NOW, NOW + 3600, since, roles), "token")


CHANGES = ("drop", "swap", "widen", "open", "method", "add", *CHANGED_WORDS)


def widen(matcher: Matcher) -> Matcher:
    """Return the matcher with its parameter ``:x`` widened to ``:x*``, where it has such a one."""
    before, found, rest = matcher.source.partition("/:x")
    is_plain = bool(found) and not rest.startswith(("*", "+", "?", "("))
    return compile_one(f"{before}/:x*{rest}") if is_plain else matcher


def quote_path(path: str) -> bytes:
    """Return a path as a client sends it."""
    return quote(path, safe=KEPT_RAW).encode()


@cache
def compile_one(source: str) -> Matcher:
    """Return the compiled matcher."""
    return compile_matcher(source)


@cache
def make_condition(source: Source, key: str, value: str | None) -> Condition:
    """Return the compiled condition."""
    return Condition(source, key, None if value is None else compile_regex(value))


WORDS = (
    *("users", "posts", "orders", "account", "admin", "billing", "files", "search", "team", "invoices", "reports"),
    *("login", "media", "events", "hooks"),
)
SHAPES = (
    "/{0}{1}",
    "/{0}{1}/:path*",
    "/{0}/{1}/:id",
    "/api/{0}{1}/:id/{2}",
    "/api/v{1}/{0}/:path*",
    "/{0}{1}/:id(\\\\d+)",
)


def write_policy(rules: int, seed: int) -> str:
    """Return the text of a policy with that many rules, as somebody could have written it: few of them meet."""
    chance = random.Random(seed)  # noqa: S311 - chance, not secrecy
    text = '[upstreams]\nposts = "http://posts"\nauth = "http://auth"\n'
    for number in range(rules):
        words = chance.sample(WORDS, 2)
        shapes = chance.sample(SHAPES, chance.choice((1, 1, 2, 3)))
        matchers = ", ".join(f'"{shape.format(words[0], number, words[1])}"' for shape in shapes)
        access, upstream = chance.choice(("public", "page", "protected")), chance.choice(("posts", "auth"))
        text += f'[[rule]]\nmatcher = [{matchers}]\naccess = "{access}"\nupstream = "{upstream}"\n'
    return text
