"""What all tests share: with ``--no-skips``, as in CI, a skipped test is a failed one.

With ``--without-fast`` everything runs without ``fast/``. With ``--key-pair`` the services in process, and the stack of
the integration tests, sign access tokens by a key pair, and verify them by nothing but its public half. With
``-n 2``, as in ``make test``, two processes share the files among them, each with servers of its own.
"""

import logging
import re
from collections.abc import Generator, Iterator
from typing import TypeVar

import pytest
import structlog
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from shared.fast.switch import FAST
from tests.support.signers import USUAL, signer_of

# Files that share a stack or containers, or take a port again that they had: one process runs all of each line. Of the
# containers those are apart that have a stack of their own.
TOGETHER = tuple(
    map(
        re.compile,
        (
            r"tests/containers/test_(changing_secrets|logs|production|restore)\b",
            r"tests/containers/(?!test_(failover|key_pair|mail|mailbox|providers|upgrade)\b)",
            r"tests/integration/behind_the_gateway/",
            r"tests/integration/",
            r"tests/service/gateway/",
            r"tests/service/restore/",
        ),
    )
)

# How many examples each property gets. Time gives no verdict: it is the machine's, and not the code's.
settings.register_profile("sample", max_examples=30, deadline=None)
settings.register_profile("whole lists", max_examples=500, deadline=None)

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    parser.addoption("--no-skips", action="store_true", help="let a skipped test fail")
    parser.addoption("--without-fast", action="store_true", help="test with all of fast/ switched off")
    parser.addoption("--key-pair", action="store_true", help="sign access tokens by a key pair, not a shared secret")
    parser.addoption("--whole-lists", action="store_true", help="try all there is, where a sample is tried otherwise")
    parser.addoption("--write-tables", action="store_true", help="write generated tables into docs, do not compare")


def pytest_configure(config: pytest.Config) -> None:
    """Turn the switches, before anything is built."""
    FAST.is_on = not config.getoption("without_fast")
    USUAL.signer = signer_of("ES256" if config.getoption("key_pair") else "HS256")
    settings.load_profile("whole lists" if config.getoption("whole_lists") else "sample")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is about the fast things, or the shared secret, where those are switched off."""
    for option, marker in (("without_fast", "only_fast"), ("key_pair", "only_shared_secret")):
        if config.getoption(option):
            left_out = [item for item in items if item.get_closest_marker(marker)]
            items[:] = [item for item in items if item not in left_out]
            config.hook.pytest_deselected(items=left_out)


class FilesAndFolders(LoadFileScheduling):
    """Gives a process whole files, and those folders whose files belong together."""

    def _split_scope(self, nodeid: str) -> str:
        path = super()._split_scope(nodeid)
        return next((together.pattern for together in TOGETHER if together.match(path)), path)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FilesAndFolders:
    """Share the tests among processes in this way."""
    return FilesAndFolders(config, log)


@pytest.fixture
def logging_as_it_was() -> Iterator[None]:
    """Put logging back as it was after a test that sets it up."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("uvicorn.access").disabled = False
    logging.getLogger("uvicorn.error").setLevel(logging.NOTSET)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure where nothing may be skipped."""
    report = yield
    return _refuse_skip(report) if item.config.getoption("no_skips") else report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Do the same for a module that is skipped as a whole."""
    report = yield
    return _refuse_skip(report) if collector.config.getoption("no_skips") else report


def _refuse_skip(report: Report) -> Report:
    if report.skipped:  # an expected failure is reported as one, too
        report.outcome = "failed"
        report.longrepr = f"skipped, where nothing may be: {report.longrepr}"
    return report
