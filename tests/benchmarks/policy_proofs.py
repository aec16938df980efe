"""How exact the comparison of policies is, and how long it takes.

    python -m tests.benchmarks.policy_proofs [--pairs 10000] [--requests 1000] [--mutations 200]

Three parts, in one process on one core:

1. Pairs of generated policies, half of them unrelated and half one after a change of the other. Every reported example
   is asked of ``decide``; then as many requests as said, at paths that the rules match or nearly match. One that
   differs and was not reported ends the run.
2. Mutations of each kind: how many changed any of the requests tried, and how many of those were reported.
3. Policies of 10, 50 and 200 rules against another of that size, and against itself with one rule changed: CPU time,
   and how many tables, states and regions of paths there are.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

from gateway.policy.file import parse_policy
from gateway.policy.rules import Access, Policy
from gateway.proving.diff import compare_policies
from tests.support.generated_policies import CHANGES, PolicyMaker, write_policy
from tests.support.policy_changes import check_changes, count_differing

SIZES = (10, 50, 200)
ROUNDS = 5


def main(arguments: list[str]) -> None:
    """Run all three parts, and print what came of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.policy_proofs")
    parser.add_argument("--pairs", type=int, default=10_000)
    parser.add_argument("--requests", type=int, default=1_000)
    parser.add_argument("--mutations", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parsed = parser.parse_args(arguments)
    for part in (
        measure_sizes(),
        try_mutations(parsed.mutations, parsed.requests),
        try_pairs(parsed.pairs, parsed.requests, parsed.seed),
    ):
        for line in part:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()


def try_pairs(pairs: int, requests: int, first: int) -> Iterator[str]:
    """Compare pairs of policies, and yield what was found."""
    equal = undecided = examples = differing = 0
    spent = 0.0
    for seed in range(first, first + pairs):
        maker = PolicyMaker(seed)
        old = maker.make_policy()
        new = maker.change(old) if seed % 2 else maker.make_policy()
        begun = time.process_time()
        diff = compare_policies(old, new)
        spent += time.process_time() - begun
        equal += diff.is_empty
        undecided += bool(diff.undecided)
        examples += check_changes(diff, old, new)
        differing += count_differing(diff, old, new, maker.make_requests((old, new), requests))
    yield f"{pairs} pairs of policies, {equal} of them proven equal, {undecided} with something undecided"
    yield f"{examples} examples, all of which differ as reported"
    yield f"{pairs * requests} requests, of which {differing} differ, all as reported"
    yield f"{spent / pairs * 1000:.1f} ms of CPU for a pair"


def try_mutations(count: int, requests: int) -> Iterator[str]:
    """Change policies in each way, and yield how many changes of any request were reported."""
    yield "| mutation | made | some request differs | reported | proven to change nothing |"
    yield "|---|---:|---:|---:|---:|"
    for kind in CHANGES:
        changing = reported = equal = 0
        for seed in range(count):
            maker = PolicyMaker(seed)
            old = maker.make_policy()
            new = maker.make_change(kind, old)
            diff = compare_policies(old, new)
            check_changes(diff, old, new)
            differing = count_differing(diff, old, new, maker.make_requests((old, new), requests))
            changing += bool(differing)
            reported += bool(differing) and bool(diff.differences)
            equal += diff.is_empty
        yield f"| {kind} | {count} | {changing} | {reported} | {equal} |"


def measure_sizes() -> Iterator[str]:
    """Compare policies of each size, and yield times and sizes."""
    yield "| rules | matchers | states | regions | both read | against another | one rule changed |"
    yield "|---:|---:|---:|---:|---:|---:|---:|"
    for rules in SIZES:
        begun = time.process_time()
        old, other = (parse_policy(write_policy(rules, seed), {}) for seed in (1, 2))
        read = time.process_time() - begun
        against_other, (states, regions) = measure(old, other)
        against_changed, _ = measure(old, open_one(old))
        matchers = sum(len(rule.matchers) for policy in (old, other) for rule in policy.rules)
        times = " | ".join(f"{seconds:.2f} s" for seconds in (read, against_other, against_changed))
        yield f"| {rules} | {matchers} | {states} | {regions} | {times} |"


def measure(old: Policy, new: Policy) -> tuple[float, tuple[int, int]]:
    """Return the best CPU time of some rounds, and how many states and regions there are."""
    times = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        diff = compare_policies(old, new)
        times.append(time.process_time() - begun)
    return min(times), (diff.paths.states, len(diff.paths.regions))


def open_one(policy: Policy) -> Policy:
    """Return the policy with one rule that is public now."""
    at = next(number for number, rule in enumerate(policy.rules) if rule.access is not Access.PUBLIC)
    rules = list(policy.rules)
    rules[at] = replace(rules[at], access=Access.PUBLIC)
    return Policy(tuple(rules), policy.upstreams, policy.never_routed)


if __name__ == "__main__":
    main(sys.argv[1:])
