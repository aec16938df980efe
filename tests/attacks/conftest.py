"""What the attacks share: the victim, the gateway ahead of it, and a naive guard to show that the attacks are real."""

import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog

from tests.support.gateway_in_process import RunningGateway, running_gateway
from tests.support.policies_under_attack import OPEN_RULES, RULES_OF_ONE_HOST
from tests.support.victim import Victim, guard_naively, running_app

SHIPPED_RULES = Path(__file__).parents[2] / "gateway" / "rules.toml"


@pytest.fixture(autouse=True)
def quiet_server(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Keep thousands of lines about refused requests out of the reports."""
    usual = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with caplog.at_level(logging.CRITICAL, logger="uvicorn.error"):
        yield
    structlog.configure(**usual)


@pytest.fixture(scope="module")
async def victim() -> AsyncIterator[Victim]:
    """Give the upstream that trusts everybody."""
    victim = Victim()
    async with running_app(victim.build()) as victim.port:
        yield victim


@pytest.fixture(scope="module")
async def naive_port(victim: Victim) -> AsyncIterator[int]:
    """Give the port of the victim behind a naive guard."""
    async with running_app(guard_naively(victim.build())) as port:
        yield port


@pytest.fixture(scope="module", params=["open rules", "loosened rules", "shipped rules"])
async def gateway(
    request: pytest.FixtureRequest, victim: Victim, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningGateway]:
    """Give the gateway ahead of the victim: with the hardest policy, with that loosened, with the one that ships."""
    texts = {"open rules": OPEN_RULES, "hosts and cors": RULES_OF_ONE_HOST}
    text = texts.get(request.param) or SHIPPED_RULES.read_text()
    for name in ("VICTIM", "${AUTH_SERVICE_URL}", "${POSTS_SERVICE_URL}"):
        text = text.replace(name, victim.url)
    rules = tmp_path_factory.mktemp("attacks") / "rules.toml"
    rules.write_text(text)
    async with running_gateway(rules) as running:
        yield running
