"""What requests may hold where conditions look: for each part of a request, the values that conditions tell apart.

1. A *part* is a header, cookie or query parameter by its name, or the host. Conditions on one part depend on each other
   (``x-beta`` can't be missing and ``on``): which of them hold together is decided exactly, by their tables.
   What ``hosts`` of a rule name is a condition on the host, too, but that no client chooses it: ``policy.checks``.
2. Different parts are taken to be independent: all combinations are tried. Where one part is a piece of another (the
   header ``cookie``, and a cookie), some can't be built, which ``is_realized`` tells.
3. Each choice of values is a request that the gateway could get, and is built: see ``write``.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from itertools import product
from math import prod
from typing import NamedTuple, TypeAlias
from urllib.parse import quote

from gateway.matching.dfa import DFA
from gateway.matching.matchers import compile_regex
from gateway.policy.canonical_paths import MAX_QUERY_LENGTH
from gateway.policy.choice import RequestFacts, holds
from gateway.policy.rules import Condition, Rule, Source
from gateway.proving.automata import NamedTable, Partition, TooComplex
from gateway.proving.paths import list_bounds, measure
from gateway.wire.limits import MAX_HEAD

MOST_CHOICES = 4_096  # of values, for one region of paths

_TEXTS = {
    Source.HEADER: r"[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?",  # RFC 9110, section 5.5
    Source.COOKIE: r"[^\ud800-\udfff]+",  # percent-encoded
    Source.QUERY: r"[^\ud800-\udfff]+",
    Source.HOST: r"[a-z0-9._\-]+|\[[0-9a-f:.]+\]",  # without its port
}
_LONGEST = {Source.HEADER: MAX_HEAD, Source.COOKIE: MAX_HEAD, Source.QUERY: MAX_QUERY_LENGTH, Source.HOST: 255}
_NAMES = {
    # What a request can name. The gateway drops a header whose name has an underscore.
    Source.HEADER: re.compile(r"[!#$%&'*+.^`|~0-9a-z-]+"),
    Source.COOKIE: re.compile(r"(?![ \t])[\t -:<>-~\x80-\xff]+(?<![ \t])"),
}


class Part(NamedTuple):
    """Where a condition looks: a header, cookie or query parameter of this name, or the host."""

    source: Source
    key: str

    def __str__(self) -> str:
        """Return it as people say it."""
        return f"{self.source} {self.key}" if self.key else str(self.source)


class Value(NamedTuple):
    """A value of a part, or None where it is not there, and the conditions that hold with it."""

    text: str | None
    holding: frozenset[Condition]


Choice: TypeAlias = tuple[Value, ...]
"""A value for each of some parts."""


class Alternatives(NamedTuple):
    """A part, the conditions on it, and one value for each set of them that can hold together."""

    part: Part
    conditions: tuple[Condition, ...]
    values: tuple[Value, ...]


def list_alternatives(rules: Iterable[Rule]) -> list[Alternatives]:
    """Return the parts that some rules look at, each with the values that they tell apart."""
    found: defaultdict[Part, dict[Condition, None]] = defaultdict(dict)
    for rule in rules:
        for condition in sorted({*rule.has, *rule.missing, *list_host_conditions(rule)}, key=describe):
            found[Part(condition.source, condition.key)][condition] = None
    return [_tell_apart(part, tuple(found[part])) for part in sorted(found)]


def list_host_conditions(rule: Rule) -> tuple[Condition, ...]:
    """Return what the ``hosts`` of a rule come to: a condition on the host, if there are any."""
    return (_name_one_of(tuple(sorted(rule.hosts))),) if rule.hosts else ()


def list_choices(alternatives: Sequence[Alternatives]) -> Iterator[Choice]:
    """Return all choices of a value for each part; TooComplex where there are too many."""
    if prod(len(each.values) for each in alternatives) > MOST_CHOICES:
        names = ", ".join(str(each.part) for each in alternatives)
        raise TooComplex(f"too complex to decide: more than {MOST_CHOICES} combinations of conditions on {names}")
    return product(*(each.values for each in alternatives))


def write(request: RequestFacts, alternatives: Sequence[Alternatives], choice: Choice) -> RequestFacts:
    """Return the request with the chosen values put in."""
    texts = {each.part: value.text for each, value in zip(alternatives, choice, strict=True) if value.text is not None}
    headers = [
        (part.key.encode(), text.encode("latin-1")) for part, text in texts.items() if part.source is Source.HEADER
    ]
    cookies = [f"{part.key}={quote(text, safe='')}" for part, text in texts.items() if part.source is Source.COOKIE]
    hosts = [(b"host", text.encode()) for part, text in texts.items() if part.source is Source.HOST]
    if cookies:
        headers.append((b"cookie", "; ".join(cookies).encode("latin-1")))
    query = "&".join(_write_parameter(part.key, text) for part, text in texts.items() if part.source is Source.QUERY)
    return request._replace(query=query.encode(), headers=(*hosts, *headers, *request.headers))


def is_realized(request: RequestFacts, alternatives: Sequence[Alternatives], choice: Choice) -> bool:
    """Tell whether in this request those conditions hold that were chosen to."""
    return all(
        holds(condition, request) == (condition in value.holding)
        for each, value in zip(alternatives, choice, strict=True)
        for condition in each.conditions
    )


def describe(condition: Condition) -> str:
    """Return a condition in words: ``header x-beta``, ``query page = [0-9]+``."""
    part = str(Part(condition.source, condition.key))
    return part if condition.value is None else f"{part} = {condition.value.source or '...'}"


def describe_values(alternatives: Alternatives, values: frozenset[Value]) -> str:
    """Return in words what a part has to be; empty where it may be anything."""
    if len(values) == len(alternatives.values):
        return ""
    for condition in alternatives.conditions:
        if values == {value for value in alternatives.values if condition in value.holding}:
            return f"with {describe(condition)}"
        if values == {value for value in alternatives.values if condition not in value.holding}:
            return f"without {describe(condition)}"
    return " or ".join(
        f"without {alternatives.part}" if value.text is None else f"with {alternatives.part}: {value.text}"
        for value in alternatives.values
        if value in values
    )


@lru_cache(maxsize=256)
def _tell_apart(part: Part, conditions: tuple[Condition, ...]) -> Alternatives:
    absent = Value(None, frozenset())
    names = _NAMES.get(part.source)
    if names is not None and not names.fullmatch(part.key):
        return Alternatives(part, conditions, (absent,))  # no request can name it
    valued = [(condition, condition.value) for condition in conditions if condition.value is not None]
    always = frozenset(condition for condition in conditions if condition.value is None)
    tables = [NamedTable(describe(condition), table) for condition, table in valued]
    is_encoded = part.source in {Source.COOKIE, Source.QUERY}
    cost, bounds = (_measure_encoded, list_bounds("")) if is_encoded else (_measure_raw, ())
    longest = _LONGEST[part.source] - len(quote(part.key, safe="")) - len("=")
    texts = Partition(_texts(part.source), tables, cost, bounds, longest).texts
    found = {always | {valued[number][0] for number in label}: text for label, text in texts.items()}
    if part.source is Source.QUERY:  # an empty value counts where the name is repeated
        found.setdefault(always | {condition for condition, table in valued if table.accepts("")}, "")
    values = [Value(text, holding) for holding, text in found.items() if holding]
    if part.source is not Source.HOST or frozenset() in found:
        values.insert(0, Value(found.get(frozenset()) if part.source is Source.HOST else None, frozenset()))
    return Alternatives(part, conditions, tuple(values))


@lru_cache(maxsize=256)
def _name_one_of(hosts: tuple[str, ...]) -> Condition:
    table = compile_regex("|".join(re.sub(r"[.\[\]]", r"\\\g<0>", host) for host in hosts))
    return Condition(Source.HOST, "", replace(table, source=" or ".join(hosts)))


@cache
def _texts(source: Source) -> DFA:
    return compile_regex(_TEXTS[source])


def _measure_raw(_point: int) -> int:
    return 1


def _measure_encoded(point: int) -> int:
    return measure(point, "")


def _write_parameter(key: str, text: str) -> str:
    name = quote(key, safe="")
    return f"{name}={quote(text, safe='')}" if text else f"{name}=x&{name}="
