"""The question that only a service itself can ask its running process, and the answer that only that can give."""

import pytest

from shared.doctor.questions import GOOD_FOR, LONGEST, DoctorQuestions

NOW = 1_800_000_000
OURS = DoctorQuestions("a-secret-of-the-gateway-that-asks-itself")
OTHERS = DoctorQuestions("a-secret-of-somebody-who-asks-as-well")


def test_a_question_is_good_for_a_minute() -> None:
    """A question is taken for a minute, by a clock that is a minute behind as well, and then no longer."""
    question = OURS.ask(NOW)
    assert all(OURS.is_asked(question, NOW + late) for late in (-GOOD_FOR, 0, GOOD_FOR))
    assert not any(OURS.is_asked(question, NOW + late) for late in (-GOOD_FOR - 1, GOOD_FOR + 1))


def test_no_two_questions_are_the_same() -> None:
    """Two questions of the same second differ, so the answer to one can't be given to the other."""
    first, second = OURS.ask(NOW), OURS.ask(NOW)
    assert first != second
    assert OURS.sign(first, "{}") != OURS.sign(second, "{}")


@pytest.mark.parametrize(
    "question",
    [
        "",
        ".",
        "..",
        f"{NOW}",
        f"{NOW}.{'0' * 32}",
        f"{NOW}.{'0' * 32}.",
        f"{NOW}.{'0' * 32}.{'0' * 64}",
        f"{NOW}.{'0' * 32}.ÿ",
        OTHERS.ask(NOW),
        OURS.ask(NOW).replace(str(NOW), str(NOW + 1)),
        OURS.ask(NOW)[:-1],
        f"{OURS.ask(NOW)}0",
        f"0{OURS.ask(NOW)}",
    ],
)
def test_no_other_question_is_taken(question: str) -> None:
    """What another secret signed, what was altered, and what is no question at all is refused."""
    assert not OURS.is_asked(question, NOW)


def test_a_signature_of_an_answer_is_no_question() -> None:
    """Nobody makes a question of ours from the signature of an answer: each is signed for its own purpose."""
    text = f"{NOW}.{'0' * 32}"
    assert not OURS.is_asked(f"{text}.{OURS.sign('', text)}", NOW)
    assert not OURS.is_asked(f"{text}.{OURS.sign(text, '')}", NOW)


def test_a_signature_is_of_one_answer_to_one_question() -> None:
    """Another answer, another question and another secret each have another signature; the same has the same."""
    question = OURS.ask(NOW)
    signature = OURS.sign(question, '{"peer": "192.0.2.7"}')
    assert signature == OURS.sign(question, '{"peer": "192.0.2.7"}')
    others = (
        OURS.sign(question, '{"peer": "192.0.2.8"}'),
        OURS.sign(OURS.ask(NOW), '{"peer": "192.0.2.7"}'),
        OTHERS.sign(question, '{"peer": "192.0.2.7"}'),
    )
    assert signature not in others


def test_a_question_fits_into_what_is_read_of_one() -> None:
    """A question is shorter than the longest that is read."""
    assert len(OURS.ask(NOW)) <= LONGEST
