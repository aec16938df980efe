"""The description of the whole API, joined from the parts of the upstreams. Pure.

1. Paths and methods that no rule sends to an upstream are left out of its part; so is what is at other hosts only.
2. The policy says who may call an operation. Where it demands a signed-in caller the access token is required, and 401
   is among the answers (403, too, where it demands a role), whatever the service says about itself. Rules with
   conditions are skipped: they are for some requests only.
3. The answers that the gateway gives in a service's place are among those of every operation.
4. A part that is missing right now is named, in words and as ``x-missing``: the rest must not pass for the whole.
5. Equal names with different meanings are told apart (``schema_names``); the gateway's own come first. A path whose
   methods are divided among services has the methods of all.
"""

import re
from collections.abc import Collection, Iterator, Mapping

from gateway.pages.json_members import Json, list_objects, members
from gateway.pages.schema_names import PREFIX, lead_all, make_free_name, tell_apart
from gateway.policy.rules import Access, Policy, Rule
from shared.web.schemas import ErrorView
from shared.web.sites import name_of

METHODS = ("get", "post", "put", "patch", "delete")
VERSION = "0.1.0"

_ERROR = f"{PREFIX}{ErrorView.__name__}"
_ERROR_SCHEMA = ErrorView.model_json_schema(mode="serialization")  # the services' own, word for word
_OWN_ANSWERS = {
    "400": "The request can't be read in exactly one way",
    "502": "The service behind the gateway failed",
    "503": "Not available right now; `Retry-After` says when to try again",
    "504": "The service behind the gateway is too slow",
}
_SIGNED_IN: list[dict[str, list[str]]] = [{"accessToken": []}]
_SECURITY_SCHEMES = {
    "accessToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The `accessToken` of a sign-in. A browser's session cookie counts in its place.",
    },
    "serviceCredential": {
        "type": "http",
        "scheme": "bearer",
        "description": "A credential that an operator makes for a service, by `service create`.",
    },
}
_ABOUT = "Sign up, sign in, and posts."
_MISSING = "The description of the {} service is missing right now."
_SAMPLES = {"uuid": "00000000-0000-4000-8000-000000000000"}  # for a parameter of a path, by format; else 1


def join(parts: Mapping[str, Json], policy: Policy, public_url: str, missing: Collection[str] = ()) -> Json:
    """Return one OpenAPI document made of the parts, by upstream; ``missing`` names those whose part is missing."""
    paths: Json = {}
    schemas: Json = {ErrorView.__name__: _ERROR_SCHEMA}
    operation_ids: set[str] = set()
    host = name_of(public_url.partition("://")[2])
    for upstream, part in parts.items():
        renamed = tell_apart(schemas, part, upstream)
        own = lead_all(part, renamed)
        for path, item in _list_routed(own, upstream, policy, host):
            if _names_method(item):
                named = _name_operations(item, upstream, operation_ids)
                paths[path] = _merge(members(paths, path), named) if path in paths else named
        for name, schema in members(members(own, "components"), "schemas").items():
            schemas[renamed.get(name, name)] = schema
    about = " ".join([_ABOUT, *map(_MISSING.format, missing)])
    license_ = {"name": "MIT", "identifier": "MIT"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Gatepost", "version": VERSION, "description": about, "license": license_},
        "servers": [{"url": public_url}],
        "tags": [{"name": tag} for tag in _list_tags(paths)],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": _SECURITY_SCHEMES},
        **({"x-missing": list(missing)} if missing else {}),
    }


def find_rule(policy: Policy, path: str, method: str, host: str | None = None) -> Rule | None:
    """Return the rule that decides such requests, whatever their headers; ``path`` has its parameters filled in."""
    candidates = (rule for rule, _, _ in policy.list_candidates(path) if method in rule.methods)
    return next((rule for rule in candidates if not rule.is_narrowed and rule.is_about(host)), None)


def _list_routed(part: Json, upstream: str, policy: Policy, host: str) -> Iterator[tuple[str, Json]]:
    """Yield the paths of a part, with the operations that the policy sends to the upstream."""
    for path, item in members(part, "paths").items():
        if isinstance(item, dict):
            yield path, dict(_list_operations(path, item, upstream, policy, host))


def _list_operations(path: str, item: Json, upstream: str, policy: Policy, host: str) -> Iterator[tuple[str, object]]:
    sample = _fill_in(path, item)
    for name, member in item.items():
        if name not in METHODS:
            yield name, member
        elif isinstance(member, dict):
            rule = find_rule(policy, sample, name.upper(), host)
            if rule is not None and rule.upstream == upstream:
                yield name, _complete(member, rule)


def _complete(operation: Json, rule: Rule) -> Json:
    """Return an operation, completed by who may call it, and by the gateway's own answers."""
    asks = rule.access is not Access.PUBLIC
    own = {
        **_OWN_ANSWERS,
        **({"401": "No valid credential; `WWW-Authenticate` says why"} if asks else {}),
        **({"403": f"The caller does not have the role `{rule.role}`"} if rule.role is not None else {}),
    }
    content = {"application/json": {"schema": {"$ref": _ERROR}}}
    answers: Json = {status: {"description": description, "content": content} for status, description in own.items()}
    answers |= members(operation, "responses")
    return {
        **operation,
        **({"security": _SIGNED_IN} if asks else {}),
        "responses": {status: answers[status] for status in sorted(answers)},
    }


def _name_operations(item: Json, upstream: str, taken: set[str]) -> Json:
    """Return a path's operations with ids that no other operation has, and note these as taken."""
    named = dict(item)
    for method in METHODS:
        operation = members(item, method)
        operation_id = operation.get("operationId")
        if isinstance(operation_id, str):
            free = make_free_name(operation_id, upstream, taken) if operation_id in taken else operation_id
            named[method] = {**operation, "operationId": free}
            taken.add(free)
    return named


def _merge(one: Json, other: Json) -> Json:
    """Return the operations of two services on one path, each with its own parameters."""
    return {**_spell_out(other), **_spell_out(one)}


def _spell_out(item: Json) -> Json:
    """Return a path's operations with the parameters that hold for all of them written into each."""
    common = {(each.get("in"), each.get("name")): each for each in list_objects(item, "parameters")}
    spelled = {name: member for name, member in item.items() if name != "parameters"}
    for method in METHODS:
        if common and method in item:
            own = {
                (each.get("in"), each.get("name")): each for each in list_objects(members(item, method), "parameters")
            }
            spelled[method] = {**members(item, method), "parameters": list((common | own).values())}
    return spelled


def _fill_in(path: str, item: Json) -> str:
    """Return a path with a value for each of its parameters."""
    formats = {each.get("name"): members(each, "schema").get("format") for each in list_objects(item, "parameters")}
    return re.sub(r"{(\w+)}", lambda found: _SAMPLES.get(str(formats.get(found[1])), "1"), path)


def _names_method(item: Json) -> bool:
    return any(method in item for method in METHODS)


def _list_tags(paths: Json) -> list[str]:
    """Return the tags of the operations, in the order in which they appear."""
    found: dict[str, None] = {}
    for item in paths.values():
        for method in METHODS:
            tags = members(item, method).get("tags") if isinstance(item, dict) else None
            found |= dict.fromkeys(tags if isinstance(tags, list) else [])
    return list(found)
