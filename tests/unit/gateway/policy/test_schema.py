"""The JSON schema of policies: what editors check a policy by, kept as a file."""

import json
import tomllib

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from gateway.policy.methods import REGISTERED
from gateway.policy.schema import FILE, render_schema
from gateway.settings import DEFAULT_RULES
from tests.support.house import ROOT
from tests.support.policies import HEAD, has, rule

POLICIES = (
    "gateway/rules.toml",
    "docs/forward-auth/rules.toml",
    "deploy/kubernetes/forward-auth/rules.toml",
)


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    """Return the schema that is in the repository, itself a valid one."""
    schema = json.loads(FILE.read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_the_file_is_what_the_models_say() -> None:
    """``python -m gateway.policy.schema`` was run after the last change of a word."""
    assert FILE.read_text() == render_schema()


def test_the_policy_that_ships_names_its_schema() -> None:
    """Editors find the schema by the first line of the file, in the folder where it stands."""
    assert DEFAULT_RULES.read_text().startswith(f"#:schema ./{FILE.name}\n")
    assert DEFAULT_RULES.parent == FILE.parent


@pytest.mark.parametrize("path", POLICIES)
def test_our_own_policies_are_valid(schema: Draft202012Validator, path: str) -> None:
    """An editor finds no error in the policies of this repository."""
    schema.validate(tomllib.loads((ROOT / path).read_text()))


@pytest.mark.parametrize(
    "words",
    [
        {"acess": '"page"'},
        {"access": '"open"'},
        {"methods": '["fetch"]'},
        {"methods": '["TRACE"]'},
        {"methods": "[]"},
        {"max_body": "0"},
        {"max_body": '"1M"'},
        {"websocket": "1"},
        {"role": '""'},
        {"has": has("body", "x")},
        {"missing": '[{ type = "header", key = "x", vlue = "y" }]'},
    ],
)
def test_an_editor_sees_a_fault_where_the_gateway_does(schema: Draft202012Validator, words: dict[str, str]) -> None:
    """Unknown words and wrong types are errors for both."""
    assert schema.is_valid(tomllib.loads(HEAD + rule("/a")))
    assert not schema.is_valid(tomllib.loads(HEAD + rule("/a", **words)))


@pytest.mark.parametrize("method", sorted(REGISTERED))
def test_all_methods_can_be_said(schema: Draft202012Validator, method: str) -> None:
    """A rule may name each method that there is, but for those that are about connections."""
    assert schema.is_valid(tomllib.loads(HEAD + rule("/a", methods=f'["{method}"]')))


def test_every_word_is_described() -> None:
    """An editor that completes a word shows what it means."""
    definitions = json.loads(render_schema())["$defs"]
    words = {
        f"{table}.{word}": said
        for table in ("RuleTable", "UpstreamTable")
        for word, said in definitions[table]["properties"].items()
    }
    assert words
    assert [word for word, said in words.items() if not said.get("description")] == []
    assert not any(said.get("default", "") is None for said in words.values())
