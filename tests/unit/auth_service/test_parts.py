"""The parts of the auth service agree with one another on what the settings say."""

import pytest

from auth_service.parts import Parts
from shared.observing.metrics import Metrics
from shared.tokens.protocol import PROTOCOLS, Version
from tests.support.services import auth_settings


@pytest.mark.parametrize("version", ["4", "5"])
def test_one_version_of_the_protocol_is_spoken(version: Version) -> None:
    """The version that ``NEXTAUTH_PROTOCOL`` names is that of the protocol and of the cookies."""
    parts = Parts.build(auth_settings("postgresql://nowhere", nextauth_protocol=version), Metrics())
    parts.passwords.stop()
    assert parts.protocol is PROTOCOLS[version]
    assert parts.cookies.session == f"{PROTOCOLS[version].cookies}.session-token"
