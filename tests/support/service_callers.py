"""Service tokens of callers that have one secret among them, as in development."""

from shared.tokens.service_keys import Secrets, build_caller_keys
from shared.tokens.signed import ServiceTokens


def tokens_of(secret: str) -> ServiceTokens:
    """Return what signs and verifies for all callers."""
    callers = ("gateway", "posts_service")
    return ServiceTokens({caller: build_caller_keys(caller, Secrets(), Secrets(secret)) for caller in callers})
