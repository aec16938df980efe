"""What the attacks share: the victim, the gateway ahead of it, and a naive guard to show that the attacks are real."""

import logging
import random
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path

import pytest
import structlog

from tests.support.attacks import Case, Sample, report
from tests.support.gateway_in_process import RunningGateway, running_gateway
from tests.support.policies_under_attack import OPEN_RULES
from tests.support.victim import Victim, guard_naively, running_app

SHIPPED_RULES = Path(__file__).parents[2] / "gateway" / "rules.toml"
SAMPLED = 6  # with all tests, each test gets a sixth of a list, and another one


@pytest.fixture
def sample(request: pytest.FixtureRequest) -> Sample:
    """Give what chooses those cases of a list that this test tries: all of them with ``--whole-lists``."""

    def choose(cases: Iterable[Case]) -> list[Case]:
        listed = list(cases)
        if request.config.getoption("whole_lists"):
            return listed
        chance = random.Random(request.node.nodeid)  # noqa: S311 - the same cases in each run; no secret
        return chance.sample(listed, -(-len(listed) // SAMPLED))

    return choose


@pytest.fixture(autouse=True)
def quiet_server(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Keep thousands of lines about refused requests out of the reports."""
    usual = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with caplog.at_level(logging.CRITICAL, logger="uvicorn.error"):
        yield
    structlog.configure(**usual)


@pytest.fixture(autouse=True)
def no_crashes(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Iterator[None]:
    """Count the answers of kind 5xx in each test: no attack may crash the gateway or what is behind it."""
    yield
    if "victim" in request.fixturenames:
        victim = request.getfixturevalue("victim")
        report(record_property, crashes=len(victim.crashes))
        crashes, victim.crashes = victim.crashes, []
        assert crashes == []


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


@pytest.fixture(scope="module", params=["open rules", "shipped rules"])
async def gateway(
    request: pytest.FixtureRequest, victim: Victim, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningGateway]:
    """Give the gateway ahead of the victim: with the hardest policy, and with the one that ships."""
    text = OPEN_RULES if request.param == "open rules" else SHIPPED_RULES.read_text()
    for name in ("VICTIM", "${AUTH_SERVICE_URL}", "${POSTS_SERVICE_URL}"):
        text = text.replace(name, victim.url)
    rules = tmp_path_factory.mktemp("attacks") / "rules.toml"
    rules.write_text(text)
    async with running_gateway(rules) as running:
        yield running
