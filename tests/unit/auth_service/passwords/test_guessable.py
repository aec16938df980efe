"""Which passwords guessers try first, and which they don't."""

import asyncio
import importlib
import random
import string
import threading
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from auth_service.passwords.guessable import estimate_guesses, is_guessable, load_common_passwords
from auth_service.passwords.hashing import Passwords
from auth_service.passwords.rules import MIN_LENGTH

LISTS = importlib.import_module("zxcvbn.frequency_lists").FREQUENCY_LISTS
SOUND = random.Random(7)  # noqa: S311 - the same each time


@pytest.mark.parametrize(
    "password",
    [
        *("88888888", "987654321", "00000000", "12341234", "aaaaaaaa", "jennifer", "basketball", "qwertyuiop"),
        *("qwertyuiop1", "password", "PassWord1", "p@ssw0rd", "1qaz2wsx", "zag12wsx", "iloveyou", "asdfghjkl;"),
        *(
            "abcdefgh",
            "abcdefghijklmnopqrstuvwxyz",
            "11112222",
            "19870412",
            "hunter2hunter2",
        ),
        *(
            " " * 8,
            "x" * 1024,
            "abc" * 300,
            "password" * 100,
            "passwordpassword1",
            "e\u0301" * 8,
            "\ube44\ubc00\ubc88\ud638" * 2,
        ),
        *("tequieromucho", "ilovemymom", "yuantuo2012"),
    ],
)
def test_what_everybody_chooses_is_guessed(password: str) -> None:
    """Common passwords, names, runs, repeats, rows of keys and dates are guessable, in capitals too."""
    assert is_guessable(password)
    assert is_guessable(password.upper())


def test_of_public_lists_none_is_taken() -> None:
    """None of the 30,000 passwords in zxcvbn's list that are long enough, nor in the list beside it, is accepted."""
    common = [password for password in LISTS["passwords"] if len(password) >= MIN_LENGTH]
    assert len(common) > 10_000
    sample = [*common[:500], *SOUND.sample(common, 1500)]
    assert [password for password in sample if not is_guessable(password)] == []
    beside = load_common_passwords()
    assert len(beside) > 1500
    assert all(len(password) >= MIN_LENGTH and password == password.casefold() for password in beside)


WORDS = [word for word in LISTS["english_wikipedia"][:8000] if 3 <= len(word) <= 7]
LETTERS = string.ascii_letters + string.digits


@pytest.mark.parametrize(
    ("times", "make"),
    [
        (1000, lambda: " ".join(SOUND.sample(WORDS, 4))),
        (300, lambda: "-".join(SOUND.sample(WORDS, 3))),
        (300, lambda: "".join(SOUND.choices(LETTERS + "!#$%&*+-_=?", k=12))),
        (300, lambda: "".join(SOUND.choices(string.ascii_lowercase, k=12))),
        (300, lambda: "".join(map(chr, SOUND.choices(range(0xAC00, 0xD7A4), k=10)))),
    ],
)
def test_what_a_person_or_a_password_manager_makes_is_taken(times: int, make: Callable[[], str]) -> None:
    """Passphrases of three or four words, and random texts from a password manager, are all accepted."""
    assert [password for password in (make() for _ in range(times)) if is_guessable(password)] == []


@given(st.text(min_size=1, max_size=200))
def test_any_text_is_estimated(password: str) -> None:
    """Whatever is typed, the estimate ends in a number."""
    assert estimate_guesses(password) >= 0


def test_a_text_made_to_be_hard_is_estimated_soon() -> None:
    """However long it is and in however many ways it can be read."""
    asked = time.process_time()
    assert not is_guessable("4@8({[<369!1|70$5+%2" * 51)
    assert time.process_time() - asked < 5


async def test_an_estimate_stands_in_nobodys_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """A password is estimated in a hash thread: the event loop goes on, which alone ends this estimate."""
    passwords, goes_on = Passwords(CollectorRegistry(), threads=1), threading.Event()
    monkeypatch.setattr("auth_service.passwords.hashing.is_guessable", lambda _: not goes_on.wait(10))
    asyncio.get_running_loop().call_later(0.05, goes_on.set)
    assert await passwords.hash_new("88888888") is not None
    passwords.stop()
