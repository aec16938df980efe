"""Where else a request leads: to the ``Destination`` of a COPY or a MOVE (RFC 4918, section 10.3). Pure.

A guard that looks at the path alone would be walked around by it. So it is read as paths are, in every spelling that
the rule takes, and what is no path here is refused. With ``strip`` the prefix must be what can be taken off it.
Methods that need no rule to name them lead nowhere else: there the header is an application's own. What stands in a
body, such as the addresses in a REPORT, nobody here reads.
"""

import re
from urllib.parse import urlsplit

from gateway.messages.prefixes import can_strip
from gateway.messages.raw_headers import list_values
from gateway.policy.canonical_paths import CanonicalPath, PathRefused, canonicalize_path
from gateway.policy.choice import RequestFacts, choose_for_spelling, choose_rule
from gateway.policy.methods import METHODS
from gateway.policy.rules import Candidate, Policy, Rule
from gateway.policy.spellings import read_spelling

_DESTINATION = re.compile(rb"(?:(?i:https?)://([^/?#]+))?(/[^?]*)(?:\?(.*))?", re.DOTALL)


def stays_with(rule: Rule, policy: Policy, request: RequestFacts) -> bool:
    """Tell whether the rule that decides about a request decides about wherever else it leads, too."""
    values = [] if request.method in METHODS else list_values(request.headers, b"destination")
    if not values:
        return True
    match = _DESTINATION.fullmatch(values[0]) if len(values) == 1 else None
    if match is None or (rule.strip and not can_strip(match[2], rule.strip)):
        return False
    found = _find_rule(policy, request, match)
    return found is not None and found.rule is rule


def _find_rule(policy: Policy, request: RequestFacts, match: re.Match[bytes]) -> Candidate | None:
    if match[1] is not None and match[1].lower() not in _list_hosts(request):
        return None
    there = request._replace(query=match[3] or b"")
    try:
        return choose_rule(policy, there._replace(path=canonicalize_path(match[2])))
    except PathRefused:
        spelling = read_spelling(match[2])
    chosen = None
    if spelling is not None:
        chosen = choose_for_spelling(policy, there._replace(path=CanonicalPath(spelling.readings[0], b"")), spelling)
    return chosen[1] if chosen is not None else None


def _list_hosts(request: RequestFacts) -> set[bytes]:
    """Return the host that was asked: as it came, and as the world calls it if a proxy ahead has changed that."""
    asked = b"".join(list_values(request.headers, b"host")).lower()
    return {asked, urlsplit(request.site or request.public_origin).netloc.encode()}
