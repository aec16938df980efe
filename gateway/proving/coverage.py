"""The operations of an API beside the rules: which rule decides each, which operation none, which rule is for none.

1. An operation is a path of the OpenAPI document with a method. A ``{parameter}`` stands for one segment or a piece of
   one, whatever its schema says. The path of the first server is put before: the operation's, the path's, or the
   document's. What the document does not say in place (``$ref`` of a path) is refused.
2. All paths of an operation are decided, by ``decide``: where several rules share them, all are named. An operation is
   *reached* if some rule decides each of its paths, whatever the request holds where conditions look.
3. Rules without an operation are no fault: pages and the sign-in protocol are described elsewhere.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from gateway.matching.dfa import DFA, build_dfa
from gateway.matching.path_syntax import DELIMITERS
from gateway.matching.tree import Chars, MatcherInvalid, Node, Repeat, invert_ranges, literal, ranges_of
from gateway.matching.tree import Sequence as Parts
from gateway.policy.canonical_paths import CanonicalPath
from gateway.policy.rules import Policy, Rule
from gateway.proving.cases import METHODS, Case, Cases, list_cases
from gateway.proving.paths import PathMap, Region
from gateway.proving.rulings import find_rule

_SEGMENT = Repeat(Chars(invert_ranges(ranges_of(DELIMITERS))), 1, None)
_OPERATIONS = (*METHODS, "TRACE")  # the methods that OpenAPI 3 knows
_PARAMETER = re.compile(r"(\{[^{}/]+\})")


class DocumentInvalid(Exception):
    """A document that can't be used, and why."""


class Operation(NamedTuple):
    """An operation: a path with its parameters, as it is in the document, and a method."""

    method: str
    path: str


class Reach(NamedTuple):
    """Which rules decide an operation, each with a shortest path; ``unreached`` is a path that none decides."""

    operation: Operation
    rules: Mapping[Rule, CanonicalPath]
    unreached: CanonicalPath | None
    doubts: str


class Coverage(NamedTuple):
    """All operations of a document, and the rules that decide none of them."""

    operations: Sequence[Reach]
    idle: Sequence[Rule]

    @property
    def is_complete(self) -> bool:
        """Whether it is proven that some rule decides every operation."""
        return not any(reach.unreached or reach.doubts for reach in self.operations)


def read_operations(text: str) -> list[Operation]:
    """Return the operations of an OpenAPI document in JSON, or raise DocumentInvalid."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise DocumentInvalid("this is no JSON") from None
    if isinstance(document, dict) and "swagger" in document:
        raise DocumentInvalid("this is Swagger 2: convert it to OpenAPI 3 first")
    paths = document.get("paths") if isinstance(document, dict) else None
    if not isinstance(paths, dict):
        raise DocumentInvalid("this is no OpenAPI document: there are no paths")
    found = [operation for path, item in paths.items() for operation in _list_operations(path, item, document)]
    if not found:
        raise DocumentInvalid("there is no operation in it")
    return found


def cover(policy: Policy, operations: Sequence[Operation]) -> Coverage:
    """Return what decides each operation; raises DocumentInvalid for a path that is none, and TooComplex."""
    tables = {operation.path: _compile(operation.path) for operation in operations}
    paths = PathMap([policy], {_name(path): table for path, table in tables.items()})
    known: dict[Region, Cases] = {}
    reached = [_reach(policy, operation, paths, known) for operation in operations]
    used = {rule for reach in reached for rule in reach.rules}
    return Coverage(reached, [rule for rule in policy.rules if rule not in used])


def _reach(policy: Policy, operation: Operation, paths: PathMap, known: dict[Region, Cases]) -> Reach:
    regions = [region for region in paths.regions if paths.is_within(region, _name(operation.path))]
    if not regions:
        raise DocumentInvalid(f"{operation.path}: no path that the gateway accepts")
    rules: dict[Rule, CanonicalPath] = {}
    unreached, doubts = None, ""
    for region in regions:
        if region not in known:
            known[region] = list_cases([policy], region.path)
        doubts = doubts or known[region].doubts
        for rule in _list_rules(operation, known[region].cases):
            if rule is not None:
                rules.setdefault(rule, region.path)
            unreached = unreached or (region.path if rule is None else None)
    return Reach(operation, rules, unreached, doubts)


def _list_rules(operation: Operation, cases: Sequence[Case]) -> list[Rule | None]:
    """Return the rules that decide an operation; None where none does, as with a method that the gateway refuses."""
    return [find_rule(case.decisions[0]) for case in cases if case.request.method == operation.method] or [None]


def _list_operations(path: str, item: object, document: Mapping[str, object]) -> Iterator[Operation]:
    """Yield the operations of a path."""
    if not isinstance(item, dict):
        return
    if "$ref" in item:
        raise DocumentInvalid(f"{path}: refers to another place, which is not read")
    for method in _OPERATIONS:
        operation = item.get(method.lower())
        if isinstance(operation, dict):
            yield Operation(method, _read_base(operation, item, document) + path)


def _read_base(*levels: Mapping[str, object]) -> str:
    """Return the path of the first server, without a slash at its end; of the first level that names servers."""
    match next((level["servers"] for level in levels if level.get("servers")), None):
        case [{"url": str(url)}, *_]:
            path = urlsplit(url).path.rstrip("/")
            if "{" in path:
                raise DocumentInvalid(f"the path of the server {url} has variables")
            return path
    return ""


def _compile(path: str) -> DFA:
    if not path.startswith("/"):
        raise DocumentInvalid(f"{path}: a path starts with /")
    parts: list[Node] = [
        _SEGMENT if _PARAMETER.fullmatch(piece) else literal(piece) for piece in _PARAMETER.split(path) if piece
    ]
    try:
        return build_dfa(Parts(tuple(parts)))
    except MatcherInvalid as error:
        raise DocumentInvalid(f"{path}: {error}") from None


def _name(path: str) -> str:
    """Return the name of an operation's table: what is a matcher too means something else there."""
    return f"operation {path}"
