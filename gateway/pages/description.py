"""The description of the whole API, joined from the parts of the upstreams. Pure.

1. Paths and methods that no rule sends to an upstream are left out of its part.
2. The policy says who may call an operation. Where it demands a signed-in caller the access token is required, and 401
   is among the answers (403, too, where it demands a role), whatever the service says about itself. Rules with
   conditions are skipped: they are for some requests only.
3. The answers that the gateway gives in a service's place are among those of every operation.
4. A part that is missing right now is named, in words and as ``x-missing``: the rest must not pass for the whole.
"""

import re
from collections.abc import Collection, Iterator, Mapping

from gateway.policy.rules import Access, Policy, Rule

Json = dict[str, object]

METHODS = ("get", "post", "put", "patch", "delete")
VERSION = "0.1.0"

_ERROR = "#/components/schemas/ErrorView"
_ERROR_SCHEMA = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
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
    schemas: Json = {"ErrorView": _ERROR_SCHEMA}
    for upstream, part in parts.items():
        paths |= {path: item for path, item in _list_routed(part, upstream, policy) if _names_method(item)}
        schemas |= members(members(part, "components"), "schemas")
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


def members(document: Json, name: str) -> Json:
    """Return a member of a document that is an object, or an empty one."""
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def find_rule(policy: Policy, path: str, method: str) -> Rule | None:
    """Return the rule that decides such requests, whatever their headers; ``path`` has its parameters filled in."""
    fitting = (rule for rule, _, _ in policy.list_candidates(path) if method in rule.methods and not rule.is_narrowed)
    return next(fitting, None)


def _list_routed(part: Json, upstream: str, policy: Policy) -> Iterator[tuple[str, Json]]:
    """Yield the paths of a part, with the operations that the policy sends to the upstream."""
    for path, item in members(part, "paths").items():
        if isinstance(item, dict):
            yield path, dict(_list_operations(path, item, upstream, policy))


def _list_operations(path: str, item: Json, upstream: str, policy: Policy) -> Iterator[tuple[str, object]]:
    sample = _fill_in(path, item)
    for name, member in item.items():
        if name not in METHODS:
            yield name, member
        elif isinstance(member, dict):
            rule = find_rule(policy, sample, name.upper())
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


def _fill_in(path: str, item: Json) -> str:
    """Return a path with a value for each of its parameters."""
    parameters = item.get("parameters")
    described = [each for each in parameters if isinstance(each, dict)] if isinstance(parameters, list) else []
    formats = {each.get("name"): members(each, "schema").get("format") for each in described}
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
