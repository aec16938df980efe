"""Proving addresses over the JSON API: what it shares with the policy."""

from auth_service.api.email import MAX_AUTH_AGE
from gateway.policy.file import load_policy
from stack.services import BEHIND_GATEWAY
from tests.support.house import ROOT

SERVICES = {service.url_setting: "http://127.0.0.1:1" for service in BEHIND_GATEWAY}


def test_the_service_asks_for_as_recent_a_sign_in_as_the_policy() -> None:
    """Whoever moves to another address must have signed in as lately for the service as for the gateway."""
    rules = load_policy(ROOT / "gateway" / "rules.toml", SERVICES).rules
    assert [rule.max_auth_age for rule in rules if rule.find_matcher("/api/me/email")] == [MAX_AUTH_AGE]
