"""What is said of promises, of a Next.js project's matcher and of an API's operations: in words, and as JSON."""

from collections.abc import Iterator, Sequence

from gateway.proving.cases import NOBODY, Example
from gateway.proving.coverage import Coverage, Reach
from gateway.proving.nextjs import Gap, GuardComparison
from gateway.proving.nextjs_file import NextMatcher
from gateway.proving.promises import Proof, describe
from gateway.proving.wording import Json, describe_count, describe_rule, example_as_json, rule_as_json, write_target


def list_proofs(proofs: Sequence[Proof]) -> Iterator[str]:
    """Yield one line for each promise."""
    for proof in proofs:
        yield f"line {proof.promise.line:<4} {proof.promise}: {describe(proof)}"


def proofs_as_json(proofs: Sequence[Proof]) -> Json:
    """Return what is proven of each promise."""
    return {
        "promises": [
            {
                "line": proof.promise.line,
                "promise": proof.promise.kind.value,
                "word": proof.promise.word,
                "matcher": proof.promise.matcher.source,
                "status": proof.status.value,
                "remark": proof.remark,
                "broken_by": example_as_json(proof.example) if proof.example else None,
                "rule": rule_as_json(proof.rule) if proof.rule else None,
            }
            for proof in proofs
        ]
    }


def list_guards(guards: GuardComparison, matchers: Sequence[NextMatcher]) -> Iterator[str]:
    """Yield what the policy leaves open first, and then what is no fault."""
    yield f"Next.js guards {_describe_matchers(matchers)}"
    for matcher in matchers:
        if matcher.is_narrowed:
            yield f"has and missing of {matcher.source} (line {matcher.line}) are not read: taken to hold always"
    if guards.is_guarded:
        yield "Both agree: no public rule decides any of these paths."
    yield from (f"LEFT OPEN    {_describe_gap(gap)}" for gap in guards.open)
    yield from (f"NOT DECIDED  {doubts}" for doubts in guards.doubts)
    yield from (f"not routed   {_describe_gap(gap)}" for gap in guards.unrouted)
    yield from (f"only here    {_describe_gap(gap)}" for gap in guards.further)


def guards_as_json(guards: GuardComparison, matchers: Sequence[NextMatcher]) -> Json:
    """Return the comparison of what Next.js guards with what the policy does."""
    return {
        "matchers": [matcher._asdict() for matcher in matchers],
        "agree": guards.is_guarded,
        "left_open": [_gap_as_json(gap) for gap in guards.open],
        "not_routed": [_gap_as_json(gap) for gap in guards.unrouted],
        "only_here": [_gap_as_json(gap) for gap in guards.further],
        "undecided": list(guards.doubts),
    }


def list_coverage(coverage: Coverage) -> Iterator[str]:
    """Yield a line for each operation, then the rules that none of them uses."""
    for reach in coverage.operations:
        yield from _list_reach(reach)
    yield from (f"no operation uses {describe_rule(rule)}" for rule in coverage.idle)


def coverage_as_json(coverage: Coverage) -> Json:
    """Return which rules decide each operation, and which decide none."""
    return {
        "operations": [
            {
                **reach.operation._asdict(),
                "rules": [{**rule_as_json(rule), "example": path.text} for rule, path in reach.rules.items()],
                "unreached": reach.unreached.text if reach.unreached else None,
                "undecided": reach.doubts,
            }
            for reach in coverage.operations
        ],
        "rules_without_operation": [rule_as_json(rule) for rule in coverage.idle],
    }


def _describe_matchers(matchers: Sequence[NextMatcher]) -> str:
    if not matchers:
        return "no path: the matcher is empty"
    if matchers[0].line is None:
        return "every path: there is no matcher in the file"
    return " ".join(matcher.source for matcher in matchers)


def _list_reach(reach: Reach) -> Iterator[str]:
    name = f"{reach.operation.method:<7} {reach.operation.path}"
    is_shared = len(reach.rules) > 1 or reach.unreached is not None
    for rule, path in reach.rules.items():
        example = f", such as {path.text}" if is_shared else ""
        yield f"{name}: {describe_rule(rule)}{example}"
    if reach.unreached is not None:
        yield f"{name}: NO RULE decides {_describe_unreached(reach, reach.unreached.text)}"
    if reach.doubts:
        yield f"{name}: NOT DECIDED, {reach.doubts}"


def _describe_unreached(reach: Reach, path: str) -> str:
    if path == reach.operation.path:
        return "it"
    return f"{'some' if reach.rules else 'any'} of its paths, such as {path}"


def _describe_gap(gap: Gap) -> str:
    rule = f" ({describe_rule(gap.rule)})" if gap.rule else ""
    return f"{' '.join(gap.methods)} {write_target(gap.case.request)}{describe_count(gap.size)}{rule}"


def _gap_as_json(gap: Gap) -> Json:
    return {
        "methods": list(gap.methods),
        "paths": gap.size,
        "example": example_as_json(Example(gap.case.request, NOBODY)),
        "rule": rule_as_json(gap.rule) if gap.rule else None,
    }
