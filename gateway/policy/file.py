"""The policy file: TOML text in, a checked Policy out, or PolicyInvalid with the line at fault.

    [upstreams]
    posts = "${POSTS_SERVICE_URL}"            a URL, a list of URLs (replicas), or settings' names in ${};
                                              unix:/a/path for a Unix socket
    auth  = { address = "...", answer_within = 9 }    the same, and how many seconds it has to begin an answer; 30
                                              if left out

    [[rule]]
    matcher  = ["/userposts/:path*"]          one or several
    access   = "page"                         public, protected, page
    upstream = "posts"                        a name of [upstreams], or "gateway"
    methods  = ["GET", "POST"]                all if left out; HEAD comes with GET
    max_body = 262144                         bytes, 1 MiB if left out
    has      = [{ type = "header", key = "x-beta", value = "on|yes" }]    and `missing`: the rule steps aside otherwise
    websocket, role, max_auth_age             true or false; a name; seconds since signing in
    anonymous_forms                           true or false, on a page

Every word is known or the file is refused: a typing error must not open a door.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from gateway.matching.matchers import MatcherInvalid, compile_matcher, compile_regex
from gateway.policy.checks import RuleRefused, check_rules
from gateway.policy.rules import (
    DEFAULT_MAX_BODY,
    FORWARDED_METHODS,
    METHODS,
    NEVER_ROUTED,
    OWN_UPSTREAM,
    Access,
    Condition,
    Policy,
    PolicyInvalid,
    Replica,
    Rule,
    Source,
    Upstream,
)
from gateway.policy.tables import Table, read_tables
from shared.service_calls import UNIX

Compiled = TypeVar("Compiled")

_SETTING = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")


def load_policy(path: Path, settings: Mapping[str, str]) -> Policy:
    """Return the policy of a file; ``settings`` gives the values of ``${NAME}``."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise PolicyInvalid(str(path), 1, "the file can't be read") from None
    return parse_policy(text, settings, str(path))


def parse_policy(text: str, settings: Mapping[str, str], file: str = "rules.toml") -> Policy:
    """Return the policy that a file's text says; ``file`` is its name in faults."""
    upstream_table, rule_tables = read_tables(text, file)
    upstreams = tuple(_read_upstream(upstream_table, name, settings) for name in upstream_table.list_keys())
    names = {OWN_UPSTREAM, *(upstream.name for upstream in upstreams)}
    rules = tuple(_read_rule(table, names) for table in rule_tables)
    policy = Policy(rules, upstreams, tuple(compile_matcher(source) for source in NEVER_ROUTED))
    try:
        check_rules(policy)
    except RuleRefused as refusal:
        raise PolicyInvalid(file, refusal.rule.line, refusal.reason) from None
    return policy


def _read_upstream(table: Table, name: str, settings: Mapping[str, str]) -> Upstream:
    if name == OWN_UPSTREAM:
        raise table.fault(name, "this name is the gateway's own")
    granted = None
    if table.is_table(name):
        inner = table.take_table(name)
        addresses = inner.take_texts("address")
        granted = inner.take_number("answer_within") if inner.has("answer_within") else None
        inner.refuse_rest()
    else:
        addresses = table.take_texts(name)
    try:
        return Upstream(name, tuple(_read_replica(text, settings) for text in addresses), granted)
    except ValueError as error:
        raise table.fault(name, str(error)) from None


def _read_replica(text: str, settings: Mapping[str, str]) -> Replica:
    """Return the address that a URL says; ValueError says what is wrong with it."""
    for setting in _SETTING.findall(text):
        if setting not in settings:
            raise ValueError(f"there is no setting {setting}")
    url = _SETTING.sub(lambda found: settings[found.group(1)], text)
    if url.startswith(UNIX):
        return _read_socket(url)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"{url!r} is not a URL") from None
    is_plain = parts.path in {"", "/"} and not (parts.query or parts.fragment or parts.username) and url.isprintable()
    if parts.scheme != "http" or not host or port == 0 or " " in url or not is_plain:
        raise ValueError(f"{url!r} is not http://host:port")
    return Replica(host, port or 80)


def _read_socket(url: str) -> Replica:
    path = url.removeprefix(UNIX)
    if not path.startswith("/") or not path.isprintable():
        raise ValueError(f"{url!r} is not {UNIX}/path/of/a/socket")
    return Replica(path, None)


def _read_rule(table: Table, upstreams: set[str]) -> Rule:
    rule = Rule(
        line=table.line,
        matchers=_compile_each(table, "matcher", table.take_texts("matcher"), compile_matcher),
        access=Access(_take_word(table, "access", set(Access))),
        upstream=_take_word(table, "upstream", upstreams),
        methods=_read_methods(table),
        has=_read_conditions(table, "has"),
        missing=_read_conditions(table, "missing"),
        max_body=table.take_number("max_body") if table.has("max_body") else DEFAULT_MAX_BODY,
        websocket=table.take_flag("websocket"),
        role=table.take_text("role") if table.has("role") else None,
        max_auth_age=table.take_number("max_auth_age") if table.has("max_auth_age") else None,
        anonymous_forms=table.take_flag("anonymous_forms"),
    )
    table.refuse_rest()
    for key, asked in (("role", rule.role), ("max_auth_age", rule.max_auth_age)):
        if asked is not None and rule.access is Access.PUBLIC:
            raise table.fault(key, "a public rule can't ask anything of its callers")
    if rule.websocket and "GET" not in rule.methods:
        raise table.fault("websocket", "needs the method GET")
    if rule.anonymous_forms and (rule.access is not Access.PAGE or "POST" not in rule.methods):
        raise table.fault("anonymous_forms", "needs the access page and the method POST")
    if rule.anonymous_forms and (rule.role is not None or rule.max_auth_age is not None):
        raise table.fault("anonymous_forms", "can't stand beside role or max_auth_age, which no service asks again")
    return rule


def _take_word(table: Table, key: str, words: set[str]) -> str:
    word = table.take_text(key)
    if word not in words:
        raise table.fault(key, f"unknown word {word!r}; known are {', '.join(sorted(words))}")
    return word


def _read_methods(table: Table) -> frozenset[str]:
    methods = set(table.take_texts("methods")) if table.has("methods") else set(FORWARDED_METHODS)
    unknown = methods - METHODS
    if unknown:
        raise table.fault("methods", f"unknown method {', '.join(sorted(unknown))}")
    return frozenset(methods | {"HEAD"} if "GET" in methods else methods)


def _read_conditions(table: Table, key: str) -> frozenset[Condition]:
    conditions = []
    for member in table.take_tables(key):
        source = Source(_take_word(member, "type", set(Source)))
        name = "" if source is Source.HOST else member.take_text("key")
        pattern = member.take_text("value") if source is Source.HOST or member.has("value") else None
        member.refuse_rest()
        automata = _compile_each(member, "value", [pattern] if pattern else [], compile_regex)
        name = name.lower() if source is Source.HEADER else name
        conditions.append(Condition(source, name, pattern, automata[0] if automata else None))
    return frozenset(conditions)


def _compile_each(
    table: Table, key: str, sources: list[str], compile_one: Callable[[str], Compiled]
) -> tuple[Compiled, ...]:
    compiled = []
    for source in sources:
        try:
            compiled.append(compile_one(source))
        except MatcherInvalid as error:
            raise table.fault(key, f"{source!r}: {error}") from None
    return tuple(compiled)
