"""Operations of an API and the rules that decide them: all paths of each, and the rules that none uses."""

import json
from collections.abc import Sequence

import pytest
from starlette.routing import BaseRoute

from auth_service.app import build_routes as build_auth_routes
from gateway.policy.file import load_policy
from gateway.proving.coverage import DocumentInvalid, Operation, cover, read_operations
from gateway.settings import DEFAULT_RULES
from posts_service.app import build_routes as build_posts_routes
from shared.web.openapi import describe
from tests.support.policies import has, read, rule


def write(*paths: str, methods: tuple[str, ...] = ("get",), **words: object) -> str:
    """Return a document with these paths."""
    return json.dumps(
        {"openapi": "3.1.0", "paths": {path: {method: {} for method in methods} for path in paths}, **words}
    )


def test_operations_are_read() -> None:
    """Each path with each of its methods is an operation; the path of the server comes before."""
    assert read_operations(write("/a", "/b/{id}", methods=("get", "parameters", "delete"))) == [
        Operation("GET", "/a"),
        Operation("DELETE", "/a"),
        Operation("GET", "/b/{id}"),
        Operation("DELETE", "/b/{id}"),
    ]
    for url, path in (("https://x.example/v1/", "/v1/a"), ("/v2", "/v2/a"), ("https://x.example", "/a")):
        assert read_operations(write("/a", servers=[{"url": url}])) == [Operation("GET", path)]


def test_the_nearest_server_counts() -> None:
    """What a path or an operation says of its server goes before what the document says."""
    servers = {name: [{"url": f"/{name}"}] for name in ("document", "path", "operation")}
    item = {"get": {"servers": servers["operation"]}, "put": {}, "servers": servers["path"]}
    text = json.dumps({"paths": {"/a": item, "/b": {"get": {}}}, "servers": servers["document"]})
    assert [str(operation.path) for operation in read_operations(text)] == ["/operation/a", "/path/a", "/document/b"]


def test_a_method_that_the_gateway_refuses_has_no_rule() -> None:
    """An operation with TRACE is one of the document, and no rule can reach it."""
    (operation,) = read_operations(write("/a", methods=("trace",)))
    assert operation == Operation("TRACE", "/a")
    (reach,) = cover(read(rule("/a")), [operation]).operations
    assert (reach.rules, reach.unreached and reach.unreached.text) == ({}, "/a")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"swagger": "2.0", "paths": {"/a": {"get": {}}}}', "this is Swagger 2: convert it to OpenAPI 3 first"),
        ('{"paths": {"/a": {"$ref": "#/x"}}}', "/a: refers to another place, which is not read"),
        ("{", "this is no JSON"),
        ("[" * 100_000, "this is no JSON"),
        ("[]", "there are no paths"),
        ('{"paths": []}', "there are no paths"),
        ('{"paths": {"/a": {"parameters": []}, "/b": 1}}', "there is no operation in it"),
        (write("/a", servers=[{"url": "https://x/{base}/"}]), "the path of the server https://x/{base}/ has variables"),
    ],
)
def test_what_is_no_document_is_refused(text: str, reason: str) -> None:
    """A text that describes no operation is refused with a reason."""
    with pytest.raises(DocumentInvalid, match=reason.replace("{", "[{]")):
        read_operations(text)


@pytest.mark.parametrize(
    ("path", "reason"), [("a", "a path starts with /"), ("/a//b", "no path that the gateway accepts")]
)
def test_a_path_that_is_none_is_refused(path: str, reason: str) -> None:
    """A path that can't be requested is a mistake in the document."""
    with pytest.raises(DocumentInvalid, match=reason):
        cover(read(rule("/a")), [Operation("GET", path)])


def test_each_operation_has_its_rule() -> None:
    """An operation is reached by the rules that decide its paths; where several do, each is named with a path."""
    policy = read(rule("/a/b"), rule("/a/:x", "page", methods='["GET"]'), rule("/c"))
    coverage = cover(policy, [Operation("GET", "/a/{id}"), Operation("POST", "/a/{id}"), Operation("GET", "/d")])
    found = [
        ([(rule.line, path.text) for rule, path in reach.rules.items()], reach.unreached and reach.unreached.text)
        for reach in coverage.operations
    ]
    assert found == [([(7, "/a/a"), (3, "/a/b")], None), ([(3, "/a/b")], "/a/a"), ([], "/d")]
    assert not coverage.is_complete
    assert [rule.line for rule in coverage.idle] == [12]


def test_a_parameter_is_a_piece_of_a_segment() -> None:
    """A parameter may stand beside text, as in ``/{name}.json``, and never runs over a slash."""
    policy = read(rule("/:name.json"))
    assert cover(policy, [Operation("GET", "/{name}.json")]).is_complete
    assert not cover(policy, [Operation("GET", "/{name}")]).is_complete
    assert not cover(read(rule("/:a/:b")), [Operation("GET", "/{a}")]).is_complete


def test_a_rule_for_some_requests_only_does_not_reach_an_operation() -> None:
    """Where a condition decides whether any rule fits, the operation is not reached by all requests."""
    coverage = cover(read(rule("/a", has=has("header", "x"))), [Operation("GET", "/a")])
    assert not coverage.is_complete
    assert [rule.line for rule in coverage.operations[0].rules] == [3]


@pytest.mark.parametrize(
    ("routes", "upstream"),
    [
        (build_auth_routes(), "auth"),
        (build_auth_routes(verification="optional"), "auth"),
        (build_auth_routes(verification="required"), "auth"),
        (build_posts_routes(), "posts"),
    ],
)
def test_the_policy_that_ships_reaches_every_operation(routes: Sequence[BaseRoute], upstream: str) -> None:
    """Every path of every operation that a service describes is decided by a rule that leads to the service."""
    policy = load_policy(DEFAULT_RULES, {"AUTH_SERVICE_URL": "http://auth", "POSTS_SERVICE_URL": "http://posts"})
    operations = read_operations(json.dumps(describe(routes)))
    assert len(operations) > 5
    coverage = cover(policy, operations)
    assert [reach.operation for reach in coverage.operations if reach.unreached or reach.doubts] == []
    assert {rule.upstream for reach in coverage.operations for rule in reach.rules} == {upstream}
