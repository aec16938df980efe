"""What requests hold where conditions look: each set of conditions that can hold together, and no other."""

import pytest

from gateway.policy.rules import Rule, Source
from gateway.proving.automata import TooComplex
from gateway.proving.conditions import (
    Part,
    Value,
    describe_values,
    is_realized,
    list_alternatives,
    list_choices,
    write,
)
from gateway.proving.paths import read_path
from gateway.proving.rulings import make_request
from tests.support.generated_policies import PolicyMaker
from tests.support.policies import has, read, rule

PLAIN = make_request(read_path("/a"))


def rules_with(*conditions: str) -> tuple[Rule, ...]:
    """Return rules with these conditions, each a TOML value of ``has``."""
    return read(*(rule(f"/{number}", has=condition) for number, condition in enumerate(conditions))).rules


def list_texts(*conditions: str) -> list[str | None]:
    """Return a value for each set of conditions on one part that can hold together; None: it is not there."""
    (alternatives,) = list_alternatives(rules_with(*conditions))
    return [value.text for value in alternatives.values]


@pytest.mark.parametrize(
    ("conditions", "texts"),
    [
        ([has("header", "x")], [None, "a"]),
        ([has("header", "x", "on")], [None, "on"]),
        ([has("header", "x"), has("header", "x", "on")], [None, "a", "on"]),
        ([has("header", "x", "on|yes"), has("header", "x", "yes|on")], [None, "on"]),
        ([has("header", "x", "on|yes"), has("header", "x", "on")], [None, "on", "yes"]),
        ([has("header", "x", ".*"), has("header", "x")], [None, "a"]),
        ([has("header", "x", "안")], [None]),
        ([has("header", "x y")], [None]),
        ([has("header", "x_y")], [None]),
        ([has("cookie", "c", "안")], [None, "안"]),
        ([has("cookie", "c;d")], [None]),
        ([has("cookie", "안")], [None]),
        ([has("cookie", "é, f")], [None, "a"]),
        ([has("query", "q", "(?:안{100}){9}")], [None, "안" * 900]),
        ([has("query", "q", "(?:안{100}){10}")], [None]),
        ([has("query", "q", "x{0}")], [None, ""]),
        ([has("query", "q", "\\\\d*"), has("query", "q")], [None, "a", "0"]),
        (['[{ type = "host", value = ".*" }]'], ["a"]),
        (['[{ type = "host", value = "beta[.]x" }]'], ["a", "beta.x"]),
    ],
)
def test_values_that_conditions_tell_apart(conditions: list[str], texts: list[str | None]) -> None:
    """There is one value for each set of conditions that can hold together, and a request can hold it."""
    assert list_texts(*conditions) == texts
    alternatives = list_alternatives(rules_with(*conditions))
    assert all(is_realized(write(PLAIN, alternatives, each), alternatives, each) for each in list_choices(alternatives))


@pytest.mark.parametrize("seed", range(30))
def test_what_is_chosen_holds_in_the_request(seed: int) -> None:
    """In the request that is written for a choice those conditions hold, and no others, as ``decide`` sees it."""
    alternatives = list_alternatives(PolicyMaker(seed).make_policy().rules)
    for choice in list_choices(alternatives):
        assert is_realized(write(PLAIN, alternatives, choice), alternatives, choice)


def test_parts_that_are_not_independent_are_noticed() -> None:
    """A cookie is a piece of the header: what can't be built is told from what can."""
    alternatives = list_alternatives(rules_with(has("header", "cookie"), has("cookie", "c")))
    found = {
        choice: is_realized(write(PLAIN, alternatives, choice), alternatives, choice)
        for choice in list_choices(alternatives)
    }
    assert len(found) == 4
    assert [tuple(value.text for value in choice) for choice, is_built in found.items() if not is_built] == [
        ("a", None)
    ]


def test_too_many_combinations_are_refused() -> None:
    """Conditions on many parts at once are bounded, and the error names the parts."""
    alternatives = list_alternatives(rules_with(*(has("header", f"x{number}") for number in range(13))))
    with pytest.raises(TooComplex, match="more than 4096 combinations of conditions on header x0, header x1"):
        list_choices(alternatives)


def test_values_in_words() -> None:
    """What a part has to be is said by its conditions, or by an example where none says it."""
    (alternatives,) = list_alternatives(
        rules_with(has("header", "x"), has("header", "x", "on"), has("header", "x", "on|yes"))
    )
    assert alternatives.part == Part(Source.HEADER, "x")
    by_text = {value.text: value for value in alternatives.values}
    assert set(by_text) == {None, "a", "on", "yes"}

    def describe(*texts: str | None) -> str:
        return describe_values(alternatives, frozenset(by_text[text] for text in texts))

    assert describe(None, "a", "on", "yes") == ""
    assert describe("a", "on", "yes") == "with header x"
    assert describe(None) == "without header x"
    assert describe("on") == "with header x = on"
    assert describe("on", "yes") == "with header x = on|yes"
    assert describe(None, "a", "yes") == "without header x = on"
    assert describe(None, "on") == "without header x or with header x: on"
    assert Value(None, frozenset()) in alternatives.values
