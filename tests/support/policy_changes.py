"""Whether a report of what changes is true and complete: asked of ``decide``, request by request."""

from collections.abc import Iterable

from gateway.policy.choice import RequestFacts
from gateway.policy.rules import Policy
from gateway.proving.diff import Diff
from gateway.proving.outcomes import Outcome, outcome_of
from gateway.proving.rulings import decide_as_seen
from shared.tokens.authentication import Caller

BAD_HANDSHAKES = {400, 426}  # a handshake may be wrong in more ways than one: the report has an example of one


def check_changes(diff: Diff, old: Policy, new: Policy) -> int:
    """Check that every example is what it is said to be, and return how many there are."""
    changes = [(difference, change) for difference in diff.differences for change in difference.changes]
    for difference, change in changes:
        request, caller = change.example
        found = [outcome_of(decide_as_seen(policy, request, caller)) for policy in (old, new)]
        assert found == [change.old, change.new]
        assert change.old != change.new
        assert request.method == change.methods[0]
        assert diff.paths.get_label(request.path.text) in difference.labels
    return len(changes)


def count_differing(diff: Diff, old: Policy, new: Policy, requests: Iterable[tuple[RequestFacts, Caller]]) -> int:
    """Return how many of some requests differ, having checked that each of those was reported."""
    differing = 0
    for request, caller in requests:
        was, is_ = (_read_outcome(policy, request, caller) for policy in (old, new))
        if was != is_:
            differing += 1
            said = {
                (_strip(change.old), _strip(change.new))
                for difference in diff.list_about(request.path.text)
                for change in difference.changes
                if request.method in change.methods
            }
            assert any(_is_alike(was, old) and _is_alike(is_, new) for old, new in said), (request, caller)
    return differing


def _read_outcome(policy: Policy, request: RequestFacts, caller: Caller) -> Outcome:
    return _strip(outcome_of(decide_as_seen(policy, request, caller)))


def _is_alike(found: Outcome, reported: Outcome) -> bool:
    """Tell whether an outcome is the one that is reported; any wrong handshake stands for all."""
    return found == reported or {found.status, reported.status} <= BAD_HANDSHAKES


def _strip(outcome: Outcome) -> Outcome:
    """Leave out the challenge, which says why a caller is anonymous: one reason stands for all."""
    kept = tuple(header for header in outcome.headers if header[0] != "WWW-Authenticate")
    return outcome._replace(headers=kept, message="" if outcome.status in BAD_HANDSHAKES else outcome.message)
