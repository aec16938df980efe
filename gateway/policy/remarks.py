"""What a policy may say, and what its author may not have meant: it leaves more open than it seems to. Pure.

1. Clients choose the host, too. Where one path of one service is guarded differently at two hosts, that service has to
   tell its hosts apart.
2. A guard that names no methods is about the usual ones alone. Where a later rule names others for its paths, and leads
   to the same service, those pass by the guard.
3. With ``strip`` one path of a service has several at the gateway. A rule that takes a prefix off may reach what
   another rule of the same service guards.
"""

import contextlib
from collections.abc import Iterator
from itertools import islice

from gateway.matching.matchers import MatcherInvalid
from gateway.policy.checks import find_path, find_rest, list_covering, list_hosts
from gateway.policy.methods import FORWARDED_METHODS, METHODS
from gateway.policy.rules import OWN_UPSTREAM, Access, Policy


def list_remarks(policy: Policy) -> Iterator[str]:
    """Yield one remark at most for each two rules of which one leaves open what the other guards."""
    for index, rule in enumerate(policy.rules):
        for before, other in enumerate(policy.rules[:index]):
            if rule.upstream == other.upstream != OWN_UPSTREAM and rule.protection != other.protection:
                by_host = _list_by_host(policy, before, index) if rule.hosts != other.hosts else iter(())
                with contextlib.suppress(MatcherInvalid):  # too complex to be compared
                    yield from islice(by_host, 1)
                    yield from islice(_list_by_method(policy, before, index), 1)
                    by_prefix = _list_by_prefix(policy, before, index) if rule.strip != other.strip else iter(())
                    yield from islice(by_prefix, 1)


def _list_by_host(policy: Policy, first: int, second: int) -> Iterator[str]:
    one, two = policy.rules[first], policy.rules[second]
    pairs = ((here, there) for here in list_hosts(policy, one) for there in list_hosts(policy, two) if here != there)
    for here, there in pairs:
        for method in sorted(one.methods & two.methods):
            earlier = list_covering(policy, first, method, None, here) + list_covering(
                policy, second, method, None, there
            )
            for matchers in ((ours, theirs) for ours in one.matchers for theirs in two.matchers):
                path = find_path(matchers, earlier)
                if path is not None:
                    yield (
                        f"{path} of {one.upstream} is {one.access} at {here or 'other hosts'} (line {one.line}) and"
                        f" {two.access} at {there or 'other hosts'} (line {two.line}): it must look at Host"
                    )


def _list_by_method(policy: Policy, first: int, second: int) -> Iterator[str]:
    guard, rule = policy.rules[first], policy.rules[second]
    is_guard = guard.access is not Access.PUBLIC and guard.methods >= FORWARDED_METHODS
    hosts = [host for host in list_hosts(policy, rule) if guard.is_about(host)]
    for method in sorted(rule.methods - METHODS - guard.methods if is_guard else ()):
        for earlier in {list_covering(policy, second, method, None, host) for host in hosts}:
            for matchers in ((ours, theirs) for ours in guard.matchers for theirs in rule.matchers):
                path = find_path(matchers, earlier)
                if path is not None:
                    yield (
                        f"{path} of {guard.upstream} is {guard.access} (line {guard.line}), but for {method}, which is"
                        f" {rule.access} (line {rule.line}): name that method in both"
                    )


def _list_by_prefix(policy: Policy, first: int, second: int) -> Iterator[str]:
    one, two = policy.rules[first], policy.rules[second]
    prefixes = one.strip, two.strip
    pairs = [(here, there) for here in list_hosts(policy, one) for there in list_hosts(policy, two)]
    for method in sorted(one.methods & two.methods):
        for earlier in {
            (list_covering(policy, first, method, None, here), list_covering(policy, second, method, None, there))
            for here, there in pairs
        }:
            for ours, theirs in ((ours, theirs) for ours in one.matchers for theirs in two.matchers):
                rest = find_rest(ours, theirs, prefixes, earlier)
                if rest is not None:
                    yield (
                        f"{rest or '/'} of {one.upstream} is {one.access} as {one.strip}{rest} (line {one.line}) and"
                        f" {two.access} as {two.strip}{rest} (line {two.line})"
                    )
