"""Schemas of equal names from several services: each service's operations mean the service's own."""

import itertools
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.pages.description import join
from tests.support.policies import read, rule

URL = "https://id.example.org"
PREFIX = "#/components/schemas/"
SERVICES = ("users", "posts", "orders")
POLICY = read(
    *(rule(f"/api/{name}/:rest*", upstream=f'"{name}"', methods='["GET"]') for name in SERVICES),
    head="[upstreams]\n" + "".join(f'{name} = "http://{name}:8002"\n' for name in SERVICES),
)
NAMES = ("View", "Page", "Item", "posts_View", "orders_View", "posts_View_", "ErrorView")
PLAIN = st.fixed_dictionaries({"type": st.sampled_from(["string", "integer"])})


@st.composite
def schemas_of_a_service(draw: st.DrawFn) -> dict[str, Any]:
    """Return schemas of some names that refer to one another in any way, in circles, too."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    reference = st.sampled_from(names).map(lambda name: {"$ref": PREFIX + name})
    members = st.dictionaries(st.sampled_from(["a", "$ref"]), PLAIN | reference, max_size=2)
    record = members.map(lambda members: {"type": "object", "properties": members})
    choice = st.lists(reference, min_size=1, max_size=2).map(
        lambda options: {
            "oneOf": options,
            "discriminator": {"propertyName": "kind", "mapping": {"kind": options[0]["$ref"]}},
        }
    )
    return {name: draw(PLAIN | reference | record | choice) for name in names}


SCHEMAS = st.fixed_dictionaries(dict.fromkeys(SERVICES, schemas_of_a_service()))


def describe(service: str, schemas: Mapping[str, object], operation_id: str = "show") -> dict[str, Any]:
    """Return a service's part: an operation for each of its schemas, which answers with it."""
    paths = {
        f"/api/{service}/{name}": {
            "get": {
                "operationId": f"{operation_id}_{name}",
                "responses": {"200": {"description": "Done", **answer_with(name)}},
            }
        }
        for name in schemas
    }
    return {"paths": paths, "components": {"schemas": dict(schemas)}}


def answer_with(name: str) -> dict[str, object]:
    """Return the content of an answer that is what a schema says."""
    return {"content": {"application/json": {"schema": {"$ref": PREFIX + name}}}}


def join_parts(**schemas: Mapping[str, object]) -> Any:
    """Return the joined document of services with these schemas."""
    return join({service: describe(service, each) for service, each in schemas.items()}, POLICY, URL)


def find_name(document: Any, service: str, name: str) -> str:
    """Return the name under which the joined document has what a service's operation answers with."""
    answer = document["paths"][f"/api/{service}/{name}"]["get"]["responses"]["200"]
    reference: str = answer["content"]["application/json"]["schema"]["$ref"]
    return reference.removeprefix(PREFIX)


def unfold(schemas: Mapping[str, object], value: Any, depth: int = 4) -> object:
    """Return a schema with what its references lead to in their place, as deep as that; at the end, nothing."""
    if isinstance(value, list):
        return [unfold(schemas, each, depth) for each in value]
    if isinstance(value, str) and value.startswith(PREFIX):
        name = value.removeprefix(PREFIX)
        return (
            ("unknown", name) if name not in schemas else unfold(schemas, schemas[name], depth - 1) if depth else None
        )
    return {key: unfold(schemas, each, depth) for key, each in value.items()} if isinstance(value, dict) else value


def test_different_schemas_of_one_name_are_told_apart() -> None:
    """Two services that call different things ``View`` both keep their meaning; the second gets its own name."""
    mine, other = {"type": "string"}, {"type": "integer"}
    document = join_parts(users={"View": mine}, posts={"View": other})
    assert document["components"]["schemas"]["View"] == mine
    assert find_name(document, "users", "View") == "View"
    assert find_name(document, "posts", "View") == "posts_View"
    assert document["components"]["schemas"]["posts_View"] == other


def test_equal_schemas_are_shared() -> None:
    """What several services describe in the same words is there once, under its own name."""
    view = {"type": "object", "properties": {"next": {"$ref": PREFIX + "View"}}}
    document = join_parts(users={"View": view}, posts={"View": view})
    assert find_name(document, "posts", "View") == find_name(document, "users", "View") == "View"
    assert set(document["components"]["schemas"]) == {"View", "ErrorView"}


def test_equal_words_that_mean_something_else_are_told_apart() -> None:
    """A schema that only refers to a different one is different, too, however deep; and in a circle."""
    page = {"type": "array", "items": {"$ref": PREFIX + "View"}}
    view = {"type": "object", "properties": {"pages": {"$ref": PREFIX + "Page"}}}
    document = join_parts(users={"Page": page, "View": view}, posts={"Page": page, "View": {**view, "title": "Mine"}})
    assert find_name(document, "posts", "Page") == "posts_Page"
    assert document["components"]["schemas"]["posts_Page"]["items"] == {"$ref": PREFIX + "posts_View"}
    assert document["components"]["schemas"]["Page"] == page


def test_the_gateways_own_errors_stay_its_own() -> None:
    """A service with another ``ErrorView`` changes nothing about the body of the gateway's own answers."""
    other = {"type": "object", "properties": {"detail": {"type": "string"}}}
    document = join_parts(orders={"ErrorView": other})
    assert "error" in document["components"]["schemas"]["ErrorView"]["properties"]
    assert find_name(document, "orders", "ErrorView") == "orders_ErrorView"


def test_a_free_name_is_found() -> None:
    """A name that is already taken, by whomever, is not taken again."""
    document = join_parts(
        users={"View": {"title": "1"}, "posts_View": {"title": "2"}},
        posts={"View": {"title": "3"}, "posts_View_": {"title": "4"}},
    )
    titles = {name: schema["title"] for name, schema in document["components"]["schemas"].items() if len(schema) == 1}
    assert titles == {"View": "1", "posts_View": "2", "posts_View__": "3", "posts_View_": "4"}


def test_discriminators_are_led_along() -> None:
    """A mapping of a discriminator leads to the renamed schema as ``$ref`` does."""
    choice = {
        "oneOf": [{"$ref": PREFIX + "View"}],
        "discriminator": {"propertyName": "kind", "mapping": {"view": PREFIX + "View", "short": "View"}},
    }
    document = join_parts(users={"View": {"type": "string"}}, posts={"View": {"type": "integer"}, "Choice": choice})
    mapping = document["components"]["schemas"]["Choice"]["discriminator"]["mapping"]
    assert mapping == {"view": PREFIX + "posts_View", "short": "posts_View"}


def test_a_member_called_mapping_is_none() -> None:
    """A schema's own member of the name ``mapping`` is no discriminator's: its words stay as they are."""
    own = {"type": "object", "properties": {"mapping": {"type": "string", "title": "string", "description": "View"}}}
    document = join_parts(users={"View": {"type": "string"}}, posts={"View": {"type": "integer"}, "Own": own})
    assert document["components"]["schemas"]["Own"] == own


def test_ids_of_operations_are_told_apart() -> None:
    """Two services' operations of one id have different ones, as OpenAPI demands; so clients have both."""
    document = join_parts(users={"View": {}}, posts={"View": {}})
    ids = [item["get"]["operationId"] for item in document["paths"].values()]
    assert ids == ["show_View", "posts_show_View"]


def test_a_path_of_two_services_keeps_both_ones_methods() -> None:
    """A path whose methods are divided among two services has all of them, each with its own parameters."""
    policy = read(
        rule("/api/user/:id", upstream='"users"', methods='["DELETE"]'),
        rule("/api/user/:id", upstream='"posts"', methods='["GET"]'),
        head='[upstreams]\nusers = "http://users:8002"\nposts = "http://posts:8002"\n',
    )
    parameters = {
        kind: [{"name": "id", "in": "path", "required": True, "schema": {"type": kind}}]
        for kind in ("string", "integer")
    }
    parts: dict[str, dict[str, object]] = {
        "users": {"paths": {"/api/user/{id}": {"parameters": parameters["string"], "delete": {"responses": {}}}}},
        "posts": {"paths": {"/api/user/{id}": {"parameters": parameters["integer"], "get": {"responses": {}}}}},
    }
    document: Any = join(parts, policy, URL)
    item = document["paths"]["/api/user/{id}"]
    assert item["delete"]["parameters"] == parameters["string"]
    assert item["get"]["parameters"] == parameters["integer"]
    assert "parameters" not in item


@given(schemas=SCHEMAS)
def test_every_operation_means_what_its_service_said(schemas: dict[str, dict[str, object]]) -> None:
    """However names collide: what an operation answers with, references followed, is what its own service described."""
    document = join_parts(**schemas)
    joined = document["components"]["schemas"]
    for service, own in schemas.items():
        for name in own:
            found = joined[find_name(document, service, name)]
            assert unfold(joined, found) == unfold(own, own[name])
    ids = [item["get"]["operationId"] for item in document["paths"].values()]
    assert len(set(ids)) == len(ids)


@given(schemas=SCHEMAS)
def test_no_two_names_mean_the_same_by_the_same_words(schemas: dict[str, dict[str, object]]) -> None:
    """A service that repeats what another one said adds no name; and the order of members doesn't matter."""
    schemas["users"].pop("ErrorView", None)  # the gateway's own is ahead of it
    once = join_parts(users=schemas["users"], posts=schemas["posts"])
    reordered = {name: json.loads(json.dumps(schema, sort_keys=True)) for name, schema in schemas["users"].items()}
    twice = join_parts(users=schemas["users"], posts=schemas["posts"], orders=reordered)
    assert twice["components"]["schemas"] == once["components"]["schemas"]


@pytest.mark.parametrize("order", list(itertools.permutations(("a", "b", "c"))))
def test_who_comes_first_keeps_the_names(order: tuple[str, ...]) -> None:
    """A service that is added at the end renames nothing of those before: their generated clients stay as they are."""
    schemas = {name: {"View": {"title": title}} for name, title in zip(SERVICES, order, strict=True)}
    two, three = join_parts(**dict(list(schemas.items())[:2])), join_parts(**schemas)
    assert three["components"]["schemas"].items() >= two["components"]["schemas"].items()
