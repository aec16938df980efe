"""The joined description: what the policy lets through, with who may call it by the policy, and what is missing."""

from typing import Any

from gateway.pages.description import join
from tests.support.policies import has, read, rule

URL = "https://id.example.org"
POLICY = read(
    rule("/api/notes", methods='["GET"]'),
    rule("/api/notes/:id", "protected", methods='["GET"]'),
    rule("/api/notes/:id", "protected", methods='["DELETE"]', role='"editor"'),
    rule("/api/devices/:id([0-9a-f-]{36})"),
    rule("/api/beta", "page", upstream='"others"', has=has("header", "x-beta")),
    rule("/api/beta", "page"),
    rule("/api/others", upstream='"others"'),
    head='[upstreams]\nposts = "http://posts:8002"\nothers = "http://others:8003"\n',
)


def operation(**members: object) -> dict[str, object]:
    """Return an operation that says no more than it must."""
    return {"responses": {"200": {"description": "Done"}}, "security": [], **members}


def join_posts(paths: dict[str, object], missing: tuple[str, ...] = ()) -> Any:
    """Return the joined document where the posts service describes these paths."""
    return join({"posts": {"paths": paths}}, POLICY, URL, missing)


def test_the_policy_says_who_may_call() -> None:
    """Where the policy asks for a signed-in caller so does the description, and 401 is among the answers."""
    anybody = join_posts({"/api/notes": {"get": operation()}})["paths"]["/api/notes"]["get"]
    assert anybody["security"] == []
    assert set(anybody["responses"]) == {"200", "400", "502", "503", "504"}
    optional = [{"accessToken": []}, {}]
    signed_in = join_posts({"/api/notes/{id}": {"get": operation(security=optional)}})["paths"]["/api/notes/{id}"]
    assert signed_in["get"]["security"] == [{"accessToken": []}]
    assert set(signed_in["get"]["responses"]) == {"200", "400", "401", "502", "503", "504"}


def test_what_a_service_asks_for_stays() -> None:
    """On a public rule the service's own word counts: it may ask for a token, or heed one."""
    for own in ([{"accessToken": []}], [{"accessToken": []}, {}]):
        document = join_posts({"/api/notes": {"get": operation(security=own)}})
        assert document["paths"]["/api/notes"]["get"]["security"] == own


def test_a_role_is_named() -> None:
    """Where the policy asks for a role, 403 is among the answers and names it."""
    document = join_posts({"/api/notes/{id}": {"delete": operation()}})
    assert "`editor`" in document["paths"]["/api/notes/{id}"]["delete"]["responses"]["403"]["description"]


def test_a_services_own_answer_is_kept() -> None:
    """An answer that the service describes itself is not replaced by the gateway's."""
    mine = {"400": {"description": "mine"}}
    document = join_posts({"/api/notes": {"get": operation(responses=mine)}})
    assert document["paths"]["/api/notes"]["get"]["responses"]["400"] == {"description": "mine"}


def test_what_never_passes_is_left_out() -> None:
    """Paths, methods and services that no rule leads to are no part of the description."""
    paths: dict[str, object] = {
        "/api/notes": {"get": operation(), "post": operation()},
        "/api/unknown": {"get": operation()},
        "/internal/users": {"get": operation()},
        "/api/others": {"get": operation()},
    }
    document = join_posts(paths)
    assert {path: set(item) for path, item in document["paths"].items()} == {"/api/notes": {"get"}}


def test_a_parameter_is_filled_in_by_its_format() -> None:
    """A rule whose matcher asks for a form of id is found for a parameter of that form."""
    parameter = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
    document = join_posts({"/api/devices/{id}": {"parameters": [parameter], "get": operation()}})
    assert document["paths"]["/api/devices/{id}"]["parameters"] == [parameter]


def test_rules_with_conditions_are_passed_over() -> None:
    """What is described is what holds for any request."""
    document = join_posts({"/api/beta": {"get": operation()}})
    assert document["paths"]["/api/beta"]["get"]["security"] == [{"accessToken": []}]


def test_what_is_missing_is_named() -> None:
    """A part that is missing is named for people and for machines; a whole description names none."""
    document = join_posts({"/api/notes": {"get": operation()}}, missing=("others",))
    assert document["x-missing"] == ["others"]
    assert "The description of the others service is missing" in document["info"]["description"]
    assert "x-missing" not in join_posts({})


def test_tags_are_listed_in_their_order() -> None:
    """The words that operations are grouped by are listed, each once, in the order in which they come."""
    document = join_posts(
        {
            "/api/notes": {"get": operation(tags=["Notes"])},
            "/api/beta": {"get": operation(tags=["Beta"]), "post": operation(tags=["Notes"])},
        }
    )
    assert document["tags"] == [{"name": "Notes"}, {"name": "Beta"}]


def test_the_shape_of_errors_is_there() -> None:
    """The body of the gateway's own answers is described although no service describes it."""
    assert "ErrorView" in join_posts({})["components"]["schemas"]


def test_what_makes_no_sense_is_left_out() -> None:
    """A part with members of other types than OpenAPI's harms nothing."""
    assert join_posts({"/api/notes": "text", "/api/beta": {"get": 1, "parameters": 7}})["paths"] == {}
    assert join({"posts": {"paths": [], "components": 1}}, POLICY, URL)["paths"] == {}
