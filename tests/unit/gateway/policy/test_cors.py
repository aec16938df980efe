"""CORS: what a rule may say, and what browsers are told."""

import pytest

from gateway.messages.raw_headers import RawHeader
from gateway.policy.cors import Cors
from tests.support.policies import read, read_fault, rule

APP, WIKI = "https://app.example", "https://wiki.example:8443"
OPEN, LISTED = Cors(frozenset({"*"})), Cors(frozenset({APP, WIKI}))
TRUSTED = Cors(frozenset({APP}), credentials=True, headers=("X-CSRFToken",), max_age=60)


def told(headers: tuple[RawHeader, ...]) -> dict[str, str]:
    """Return header lines by their names, without what may be read of an answer."""
    found = {name.decode(): value.decode() for name, value in headers}
    found.pop("access-control-expose-headers", None)
    return found


def from_(*origins: str) -> list[RawHeader]:
    """Return the headers of a page's request."""
    return [(b"origin", origin.encode()) for origin in origins]


@pytest.mark.parametrize(
    ("written", "cors"),
    [
        (f'"{APP}"', Cors(frozenset({APP}))),
        ('"*"', OPEN),
        (f'["{APP}:443", "{WIKI}"]', LISTED),
        ('"HTTPS://App.Example"', Cors(frozenset({APP}))),
        (f'{{ origins = "{APP}", credentials = true, headers = ["X-CSRFToken"], max_age = 60 }}', TRUSTED),
        ('{ origins = "http://localhost:5173", credentials = true }', Cors(frozenset({"http://localhost:5173"}), True)),
        ('{ origins = "http://a.b.localhost", credentials = true }', Cors(frozenset({"http://a.b.localhost"}), True)),
        (f'{{ origins = "{APP}", headers = "X-A" }}', Cors(frozenset({APP}), headers=("X-A",))),
        ('"http://app.example:80"', Cors(frozenset({"http://app.example"}))),
    ],
)
def test_what_a_rule_may_say(written: str, cors: Cors) -> None:
    """An origin, several, everybody, or a table; without the word nobody else reads anything."""
    assert read(rule("/a", cors=written)).rules[0].cors == cors
    assert read(rule("/a")).rules[0].cors is None


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ('{ origins = "*", credentials = true }', "can't go with credentials"),
        (f'["*", "{APP}"]', "goes with no other origin"),
        ('{ origins = "http://app.example", credentials = true }', "is not https"),
        ('{ origins = "http://localhost.app.example", credentials = true }', "is not https"),
        *((f'"{text}"', "is no origin") for text in ("null", "app.example", "https://", "https://app.example/")),
        *(
            (f'"{text}"', "is no origin")
            for text in ("https://*.app.example", "ftp://app.example", "https://u@app.example")
        ),
        *((f'"{text}"', "is no origin") for text in ("https://app.example:0", "https://app.example#", "https://a b")),
        ('{ origin = "https://app.example" }', "origin: unknown word"),
        (f'{{ origins = "{APP}", headers = ["X A"] }}', "headers: 'X A' is no name of a header"),
        (f'{{ origins = "{APP}", headers = ["*, X"] }}', "headers"),
        (f'{{ origins = "{APP}", max_age = -1 }}', "max_age: must be a positive integer"),
        ("true", "must be a text"),
        ("[]", "must be a text"),
    ],
)
def test_what_a_rule_may_not_say(written: str, reason: str) -> None:
    """Neither everybody with cookies, nor anybody on the way, nor what no browser ever sends as an origin."""
    assert reason in read_fault(rule("/a", cors=written))


def test_everybody_is_told_the_same() -> None:
    """Where everybody may read, no cookie counts, and the answer is the same for all: caches may keep it."""
    assert (
        told(OPEN.write_headers([])) == told(OPEN.write_headers(from_("null"))) == {"access-control-allow-origin": "*"}
    )
    assert OPEN.trusted == frozenset()


@pytest.mark.parametrize("cors", [LISTED, TRUSTED])
@pytest.mark.parametrize(
    "origins", [[], ["https://evil.example"], ["null"], ["*"], [APP, APP], [f"{APP}.evil.example"]]
)
def test_others_are_told_nothing(cors: Cors, origins: list[str]) -> None:
    """To whoever is not listed nothing is said but that it depends on the origin."""
    assert (
        cors.write_headers(from_(*origins)) == cors.write_preflight({"GET"}, from_(*origins)) == ((b"vary", b"Origin"),)
    )


def test_who_is_listed_reads() -> None:
    """A listed origin is named, and only with credentials may its pages send cookies."""
    assert told(LISTED.write_headers(from_(WIKI))) == {"vary": "Origin", "access-control-allow-origin": WIKI}
    assert told(TRUSTED.write_headers(from_(APP))) == {
        "vary": "Origin",
        "access-control-allow-origin": APP,
        "access-control-allow-credentials": "true",
    }
    assert (LISTED.trusted, TRUSTED.trusted) == (frozenset(), {APP.encode()})


def test_a_preflight_says_what_may_be_sent() -> None:
    """The rule's methods, the headers that it lists, and how long to remember that."""
    assert told(TRUSTED.write_preflight({"POST", "GET"}, from_(APP))) == {
        "vary": "Origin",
        "access-control-allow-origin": APP,
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "GET, POST",
        "access-control-allow-headers": "X-CSRFToken",
        "access-control-max-age": "60",
    }


def test_a_policy_names_the_line_of_a_bad_origin() -> None:
    """What is wrong is said with the line on which it stands."""
    assert read_fault(rule("/a", cors='"null"')).startswith("p.toml, line 7: cors: ")
