"""What must hold for a policy before it is used. Matchers are tables, so every question has an exact answer.

1. The words of a rule go together, and its upstream exists.
2. Every matcher decides some path: one that earlier rules cover completely is a mistake in the order.
3. Conditions choose where a request goes, never whether it is let in. A client writes its own headers, cookies and
   query, so wherever a rule with ``has`` or ``missing`` can step aside for a later rule, that one demands the same
   protection. (Stepping aside for no rule at all is safe: that is a 404.)
   A host is no such choice: rules with ``hosts`` are about different sites, and each site is judged by itself.
4. Encoded slashes and empty segments pass only below a literal segment: ``paths = "raw"`` is for one application.
5. A prefix is taken off only by rules all of whose paths have it, on the way to a service that does not sign people in.
6. NextAuth's session cookie goes to services behind the gateway alone, and never into an answer to another proxy.
7. A matcher for NextAuth's paths leads to an upstream that gets NextAuth's cookies: without them nobody could sign in,
   and nothing would say why.

Only canonical paths count: a difference that no accepted path can show is no difference. For law 3 the readings of
other spellings count too, between rules that take these.
"""

from collections.abc import Collection, Iterable, Sequence
from functools import cache

from gateway.matching.dfa import DFA, find_text
from gateway.matching.matchers import Matcher, MatcherInvalid, compile_matcher, compile_regex
from gateway.policy.canonical_paths import CANONICAL_TEXT
from gateway.policy.rules import NEXTAUTH_PATHS, OWN_UPSTREAM, Access, Cookies, Paths, Policy, Rule
from gateway.policy.spellings import READING_TEXT


class RuleRefused(Exception):
    """What is wrong with the rule at ``index``, and ``key``, the word that is wrong, if it is a single one."""

    def __init__(self, index: int, reason: str, key: str | None = None) -> None:
        self.index = index
        self.key = key
        super().__init__(f"{key}: {reason}" if key else reason)


def check_rules(policy: Policy, served: Collection[str] | None = None) -> None:
    """Raise RuleRefused for the first rule that breaks a law; ``served`` are the names of hosts, where known."""
    for index in range(len(policy.rules)):
        try:
            _check_words(policy, index)
            _check_hosts(policy, index, served)
            _check_reachable(policy, index)
            _check_protection(policy, index)
            _check_spellings(policy, index)
            _check_prefix(policy, index)
            _check_cookies(policy, index)
            _check_sign_in(policy, index)
        except MatcherInvalid as error:
            raise RuleRefused(index, str(error)) from None


def _check_words(policy: Policy, index: int) -> None:
    """Law 1."""
    rule = policy.rules[index]
    names = sorted({OWN_UPSTREAM, *(upstream.name for upstream in policy.upstreams)})
    demands = [key for key in ("role", "max_auth_age") if getattr(rule, key) is not None]
    if rule.upstream not in names:
        raise RuleRefused(index, f"unknown word {rule.upstream!r}; known are {', '.join(names)}", "upstream")
    if demands and rule.access is Access.PUBLIC:
        raise RuleRefused(index, "a public rule can't ask anything of its callers", demands[0])
    if rule.websocket and "GET" not in rule.methods:
        raise RuleRefused(index, "needs the method GET", "websocket")
    if rule.anonymous_forms and (rule.access is not Access.PAGE or "POST" not in rule.methods):
        raise RuleRefused(index, "needs the access page and the method POST", "anonymous_forms")
    if rule.anonymous_forms and demands:
        raise RuleRefused(
            index, "can't stand beside role or max_auth_age, which no service asks again", "anonymous_forms"
        )


def _check_hosts(policy: Policy, index: int, served: Collection[str] | None) -> None:
    """Check of law 2 that hosts are served: about any other, a rule decides nothing."""
    unserved = sorted(policy.rules[index].hosts.difference(served)) if served is not None else []
    if unserved:
        raise RuleRefused(index, f"{unserved[0]} is not served: neither NEXTAUTH_URL nor GATEWAY_HOSTS has it", "hosts")


def _check_reachable(policy: Policy, index: int) -> None:
    """Law 2."""
    rule = policy.rules[index]
    for matcher in rule.matchers:
        if find_path([matcher], []) is None:
            raise RuleRefused(index, f"the matcher {matcher.source} matches no path at all")
        if not any(
            find_path([matcher], covering) is not None
            for covering in {
                list_covering(policy, index, method, rule, host)
                for method in rule.methods
                for host in list_hosts(policy, rule)
            }
        ):
            raise RuleRefused(
                index, f"the matcher {matcher.source} is never reached: earlier rules decide all its paths"
            )


def _check_protection(policy: Policy, index: int) -> None:
    """Law 3, for a rule and all rules with conditions before it."""
    rule = policy.rules[index]
    for narrowed in policy.rules[:index]:
        if not narrowed.is_narrowed or narrowed.protection == rule.protection:
            continue
        path = _find_common_path(policy, index, narrowed)
        if path is not None:
            raise RuleRefused(
                index,
                f"conditions must not change protection: {path} is decided here as {rule.access},"
                f" or on line {narrowed.line} as {narrowed.access}, by what the client sends",
            )


def _check_spellings(policy: Policy, index: int) -> None:
    """Law 4."""
    rule = policy.rules[index]
    for matcher in rule.matchers if rule.paths is Paths.RAW else ():
        if not matcher.first_segment:
            reason = f"raw is for matchers that begin with a literal segment, which {matcher.source} does not"
            raise RuleRefused(index, reason, "paths")


def _check_prefix(policy: Policy, index: int) -> None:
    """Law 5."""
    rule = policy.rules[index]
    upstream = policy.find_upstream(rule.upstream)
    if rule.strip and (upstream is None or upstream.session_cookies):
        raise RuleRefused(index, "needs a service behind the gateway without session_cookies", "strip")
    for matcher in rule.matchers if rule.strip else ():
        if not matcher.is_below(rule.strip):
            raise RuleRefused(index, f"{matcher.source} matches paths that are not below {rule.strip}", "strip")


def _check_cookies(policy: Policy, index: int) -> None:
    """Law 6."""
    rule = policy.rules[index]
    if rule.cookies is not Cookies.NONE and rule.upstream == OWN_UPSTREAM:
        raise RuleRefused(index, "needs a service behind the gateway", "cookies")


def _check_sign_in(policy: Policy, index: int) -> None:
    """Law 7. A matcher for more than these paths is not held to it: behind it there may be another protocol."""
    rule = policy.rules[index]
    upstream = policy.find_upstream(rule.upstream)
    if upstream is not None and not upstream.session_cookies:
        for matcher in rule.matchers:
            if find_path([matcher], [_nextauth()]) is None:
                raise RuleRefused(
                    index,
                    f"{matcher.source} is NextAuth's, and {upstream.name} does not get its cookies:"
                    " nobody could sign in without session_cookies = true on the upstream",
                    "upstream",
                )


def _find_common_path(policy: Policy, index: int, narrowed: Rule) -> str | None:
    rule = policy.rules[index]
    take_spellings = Paths.STRICT not in {rule.paths, narrowed.paths}
    hosts = [host for host in list_hosts(policy, rule) if narrowed.is_about(host)]
    coverings = {
        list_covering(policy, index, method, None, host) for method in narrowed.methods & rule.methods for host in hosts
    }
    for covering in coverings:
        for wanted in ((ours, theirs) for ours in rule.matchers for theirs in narrowed.matchers):
            path = find_path(wanted, covering, _readings() if take_spellings else None)
            if path is not None:
                return path
    return None


def list_hosts(policy: Policy, rule: Rule) -> list[str | None]:
    """Return the hosts that a rule is about; None stands for all that no rule names."""
    if rule.hosts:
        return [*sorted(rule.hosts)]
    return policy.list_hosts()


def list_covering(policy: Policy, index: int, method: str, rule: Rule | None, host: str | None) -> tuple[Matcher, ...]:
    """Return the matchers that decide at a host before the rule at ``index`` does, whatever the request holds.

    An earlier rule with conditions covers ``rule`` only where ``rule`` has all of those conditions, too.
    """
    has, missing = (rule.has, rule.missing) if rule else (frozenset(), frozenset())
    earlier = (
        other.matchers
        for other in policy.rules[:index]
        if method in other.methods and other.is_about(host) and other.has <= has and other.missing <= missing
    )
    return (*policy.never_routed, *(matcher for matchers in earlier for matcher in matchers))


def find_path(wanted: Sequence[Matcher], unwanted: Iterable[Matcher], among: DFA | None = None) -> str | None:
    """Return a shortest path that all of ``wanted`` match and none of ``unwanted``, or None.

    It is a canonical one unless it is said ``among`` which it is to be.
    """
    near = [matcher.dfa for matcher in unwanted if all(_may_meet(matcher, other) for other in wanted)]
    try:
        return find_text([among or _canonical(), *(matcher.dfa for matcher in wanted)], near)
    except MatcherInvalid as error:
        raise MatcherInvalid(f"{wanted[0].source}: {error}") from None


def find_rest(
    one: Matcher, two: Matcher, prefixes: tuple[str, str], coverings: Sequence[Iterable[Matcher]]
) -> str | None:
    """Return a shortest rest of canonical paths that ``one`` matches behind its prefix, and ``two`` behind its own.

    None of its covering matches either; None where there is no such rest.
    """
    tables = [(one.dfa, prefixes[0]), (two.dfa, prefixes[1]), *((_canonical(), prefix) for prefix in prefixes)]
    wanted = [rest for table, prefix in tables if (rest := table.after(prefix)) is not None]
    if len(wanted) < len(tables):
        return None
    unwanted = [
        rest
        for covering, prefix in zip(coverings, prefixes, strict=True)
        for matcher in covering
        if (rest := matcher.dfa.after(prefix)) is not None
    ]
    return find_text(wanted, unwanted)


def _may_meet(one: Matcher, other: Matcher) -> bool:
    return one.prefix.startswith(other.prefix) or other.prefix.startswith(one.prefix)


@cache
def _canonical() -> DFA:
    return compile_regex(CANONICAL_TEXT)


@cache
def _readings() -> DFA:
    return compile_regex(READING_TEXT)


@cache
def _nextauth() -> Matcher:
    return compile_matcher(NEXTAUTH_PATHS)
