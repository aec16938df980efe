"""The experiments' own parts: what their people take for a breach, and what the command line refuses."""

import sys
from collections.abc import Mapping

import httpx2
import pytest

from faults.__main__ import main
from faults.doors import Doors
from faults.ledger import Ledger
from faults.people import NotServed, Person


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


def test_experiments_that_do_not_exist(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A name that no experiment has ends the run at once, rather than in an empty table that holds."""
    monkeypatch.setattr(sys, "argv", ["faults", "kill_servises"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "no such experiment: kill_servises" in capsys.readouterr().err
