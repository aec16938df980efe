"""The description of the whole API, as whoever reads it or generates a client from it needs it."""

import re
from typing import Any

import pytest
from jsonschema_rs import validator_for

from auth_service.app import build_identity_routes
from auth_service.app import build_routes as build_auth_routes
from posts_service.app import build_routes as build_posts_routes
from shared.web.openapi import describe

ROUTES = (
    build_auth_routes(),
    *(build_auth_routes(verification=each) for each in ("optional", "required")),
    build_identity_routes(),
    build_posts_routes(),
)
PARTS: list[Any] = [describe(routes) for routes in ROUTES]
SCHEMAS = {name: schema for part in PARTS for name, schema in part["components"]["schemas"].items()}
OPERATIONS = {
    operation["operationId"]: operation
    for part in PARTS
    for item in part["paths"].values()
    for method, operation in item.items()
    if method != "parameters"
}
NAMED = {name for each in OPERATIONS.values() for name in re.findall(r"#/components/schemas/(\w+)", str(each))}


def test_operations_are_in_few_groups() -> None:
    """Each operation has one tag, of four in all, so that a generated client has a class for each subject."""
    assert {tag for each in OPERATIONS.values() for tag in each["tags"]} == {
        "Accounts",
        "Sessions",
        "Posts",
        "Keys",
    }
    assert all(len(each["tags"]) == 1 for each in OPERATIONS.values())


def test_operations_say_more_than_their_summary() -> None:
    """Each operation has a description in words, and says whether it asks for a token."""
    assert not [name for name, each in OPERATIONS.items() if not each["description"].endswith(".")]
    assert not [name for name, each in OPERATIONS.items() if "security" not in each]


@pytest.mark.parametrize("name", sorted(NAMED))
def test_bodies_have_examples(name: str) -> None:
    """Each body that is sent or answered has an example, which is valid."""
    schema = SCHEMAS[name]
    assert schema["examples"]
    validator = validator_for({**schema, "components": {"schemas": SCHEMAS}})
    assert not [error.message for example in schema["examples"] for error in validator.iter_errors(example)]
