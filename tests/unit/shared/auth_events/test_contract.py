"""The contract between two processes: each reads what the other writes, and what another release writes."""

import uuid

import pytest
from pydantic import BaseModel

from shared.auth_events import contract
from shared.timing import LONGEST_WAIT

EPOCH = str(uuid.UUID(int=7))
SID = str(uuid.UUID(int=9))
ADA = {"id": 1, "name": "Ada", "email": "ada@example.com"}

ANSWERS: dict[type[BaseModel], dict[str, object]] = {
    contract.ChangePage: {
        "changes": [{"id": 3, "kind": "created", "user": ADA}],
        "last": 3,
        "epoch": EPOCH,
        "purged": 1,
    },
    contract.RevocationPage: {"revocations": [{"id": 1, "sid": SID}], "last": 1, "epoch": EPOCH, "since": 12},
    contract.SessionAnswer: {"accessToken": "a.b.c", "setCookie": ["a=b; Path=/"]},
    contract.UserChange: {"id": 3, "kind": "renamed", "user": ADA},
    contract.UserDeleted: {"id": 4, "kind": "deleted", "user": {"id": 1}},
    contract.EndedSession: {"id": 5, "sid": SID, "until": 1_800_000_000},
}


@pytest.mark.parametrize("model", ANSWERS)
def test_what_is_written_is_what_is_read(model: type[BaseModel]) -> None:
    """An answer is the same on both sides, member by member."""
    assert model.model_validate(ANSWERS[model]).model_dump(mode="json") == ANSWERS[model]


@pytest.mark.parametrize("model", ANSWERS)
def test_what_a_later_release_adds_is_no_fault(model: type[BaseModel]) -> None:
    """An unknown member is ignored."""
    assert model.model_validate({**ANSWERS[model], "later": 1}) == model.model_validate(ANSWERS[model])


def test_a_release_before_said_less() -> None:
    """A page without an epoch is accepted, so is a session without a number, and a question may be empty."""
    assert contract.ChangePage.model_validate({"changes": [], "last": 0}).epoch is None
    assert contract.EndedSession.model_validate({"sid": SID, "until": 1}).sid == SID
    assert contract.EventsQuestion.model_validate({}) == contract.EventsQuestion(after=0, wait=0)


def test_a_question_is_a_query() -> None:
    """A question is read from the texts of a query, and refuses a wait beyond the maximum."""
    asked = contract.EventsQuestion.model_validate({"after": "7", "wait": "5.0", "epoch": EPOCH, "known": "3"})
    assert (asked.after, asked.wait, str(asked.epoch), asked.known) == (7, 5.0, EPOCH, 3)
    with pytest.raises(ValueError, match="wait"):
        contract.EventsQuestion.model_validate({"wait": str(LONGEST_WAIT + 1)})
