"""The experiments' own parts: what their people take for a breach, and what the command line refuses."""

import asyncio
import itertools
import sys
from collections import defaultdict
from collections.abc import Mapping
from functools import partial

import httpx2
import pytest

from deploy.alert_rules import read_rules
from tests.faults.__main__ import main
from tests.faults.alerts import judge
from tests.faults.catalogue import EXPERIMENTS
from tests.faults.course import StageUnusable
from tests.faults.doors import Doors
from tests.faults.experiments import Experiment, Outcome
from tests.faults.killing import kill_backend
from tests.faults.ledger import Ledger
from tests.faults.people import NotServed, Person
from tests.faults.stage import warm_up
from tests.faults.traffic import Traffic
from tests.support.prometheus import shorten
from tests.support.waiting import wait_until


class Refusing(Doors):
    """A way in that refuses everybody, as a service does whose clock is behind."""

    async def send(self, method: str, path: str, json: object, headers: Mapping[str, str]) -> httpx2.Response:
        """Return 401 with the common body, whatever is asked."""
        del json, headers
        return httpx2.Response(401, json={"error": f"{method} {path}"}, headers={"X-Request-Id": "1"})


@pytest.mark.parametrize(("tolerated", "breaches"), [(frozenset[int](), 1), (frozenset({401}), 0)])
async def test_refusals_are_breaches_unless_the_fault_explains_them(tolerated: frozenset[int], breaches: int) -> None:
    """Somebody who is refused what is theirs was never served, and it is a breach unless it was to be expected."""
    ledger = Ledger(tolerated=tolerated)
    person = Person(Refusing([1]), ledger, id=7)
    with pytest.raises(NotServed):
        await person.read_newest()
    assert (len(ledger.breaches), ledger.failed) == (breaches, 0)


class Confused(Doors):
    """A way in that shows everybody their own post, with the address of somebody else."""

    async def send(self, method: str, path: str, json: object, headers: Mapping[str, str]) -> httpx2.Response:
        """Return a post of the person's own."""
        del method, path, json, headers
        author = {"name": "Somebody", "email": "mary@example.com"}
        return httpx2.Response(200, json=[{"id": 1, "authorId": 7, "author": author}])


async def test_the_address_of_somebody_else_is_a_breach() -> None:
    """Whose posts are shown with another user's address has been taken for somebody else."""
    person = Person(Confused([1]), Ledger(), id=7)
    await person.read_newest()
    assert person.ledger.breaches == ["somebody was shown with the address of somebody else"]


@pytest.mark.usefixtures("at_once")
async def test_nobody_asks_for_anything_in_a_pause() -> None:
    """While the traffic is paused nothing is sent, and afterwards it goes on."""
    traffic = Traffic(Reluctant(0), seed=1)
    async with traffic.running():
        async with traffic.paused():
            sent = len(traffic.ledger.seen)
            await asyncio.sleep(0.5)
            assert len(traffic.ledger.seen) == sent
        await wait_until(partial(_count, traffic), lambda seen: seen > sent)


async def _count(traffic: Traffic) -> int:
    return len(traffic.ledger.seen)


class Reluctant(Doors):
    """A way in that refuses the first requests of each kind, as an overloaded service does, and serves the rest."""

    def __init__(self, refusals: int) -> None:
        super().__init__([1])
        self.left: defaultdict[str, int] = defaultdict(lambda: refusals)
        self.ids = itertools.count(1)

    async def send(self, method: str, path: str, json: object, headers: Mapping[str, str]) -> httpx2.Response:
        """Return 503, or in the end what a sign-up, a sign-in or a write is answered with."""
        del json, headers
        self.left[path] -= 1
        if self.left[path] >= 0:
            return httpx2.Response(503, json={"error": f"{method} {path}"}, headers={"X-Request-Id": "1"})
        answer = {"id": next(self.ids), "accessToken": "a", "refreshToken": "b"}
        return httpx2.Response(200 if path == "/api/login" else 201, json=answer)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let people try again at once, and give up soon."""
    monkeypatch.setattr("tests.faults.traffic.RETRY_PAUSE", 0.01)
    monkeypatch.setattr("tests.faults.traffic.SETTLING", 0.5)


@pytest.mark.usefixtures("at_once")
async def test_who_is_refused_in_the_warm_up_tries_again() -> None:
    """People who meet a service that is still busy are served later, and the run goes on."""
    traffic = Traffic(Reluctant(5), seed=1)
    await traffic.use_at_once(sign_ins=1, writes=6)
    assert traffic.ledger.failed == 10


@pytest.mark.usefixtures("at_once")
async def test_a_warm_up_that_fails_is_one_sentence() -> None:
    """Containers that serve nobody end the run with what was refused, and without a traceback."""
    with pytest.raises(StageUnusable, match=r"before any fault was done: sign up: 503, \d+ times"):
        await warm_up(Traffic(Reluctant(1_000_000), seed=1), seconds=0)


def test_experiments_that_do_not_exist(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A name that no experiment has ends the run at once, rather than in an empty table that holds."""
    monkeypatch.setattr(sys, "argv", ["faults", "kill_servises"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "no such experiment: kill_servises" in capsys.readouterr().err


def test_alerts_that_experiments_name_exist() -> None:
    """An experiment waits for no alert that does not exist, and several experiments wait for one."""
    known = {rule["alert"] for group in read_rules()["groups"] for rule in group["rules"]}
    named = [alert for experiment in EXPERIMENTS for alert in (*experiment.fires, *experiment.fires_at_length)]
    assert set(named) <= known
    assert len(named) >= 5


def test_an_alert_that_does_not_fire_is_a_breach() -> None:
    """What should have fired and did not is named; what did is in the figure, and whatever else fired is no matter."""
    experiment = Experiment(kill_backend, fires=("GatepostNotReady", "GatepostErrors"))
    outcome = judge(Outcome(experiment, 1, 0, 0.1, 0.0, "2 kills", []), {"GatepostNotReady", "GatepostSlow"})
    assert outcome.breaches == ["GatepostErrors did not fire"]
    assert outcome.figure == "2 kills; alert: GatepostNotReady"


def test_times_of_alerts_are_made_shorter() -> None:
    """The copy of the alerts that experiments use has a twelfth of every time, and nothing else is different."""
    expr = 'sum(rate(gatepost_x_total{job="1m"}[5m])) > 5'
    rules = {"groups": [{"rules": [{"alert": "A", "for": "1h", "expr": expr}]}]}
    short = 'sum(rate(gatepost_x_total{job="1m"}[25s])) > 5'
    assert shorten(rules) == {"groups": [{"rules": [{"alert": "A", "for": "300s", "expr": short}]}]}
