"""Names in the joined description: what several services call by one name and mean differently is told apart. Pure.

1. Whoever comes first keeps a name: a service that is added at the end renames nothing that generated clients know.
2. A schema that says the same, wherever its references lead, is shared under the one name.
3. Any other gets its service's name ahead of its own, and all of the service's references to it lead there. So does the
   ``operationId`` of an operation (OpenAPI 3.1, 4.8.10: unique among all).
"""

from collections.abc import Collection, Mapping

from gateway.pages.json_members import Json, members

PREFIX = "#/components/schemas/"


def tell_apart(known: Mapping[str, object], part: Json, service: str) -> dict[str, str]:
    """Return new names for those of a service's schemas whose names are known for something else."""
    own = members(members(part, "components"), "schemas")
    renamed: dict[str, str] = {}
    has_grown = True
    while has_grown:  # what refers to a renamed schema may by this differ itself
        differing = [
            name for name in own if name in known and name not in renamed and _lead(own[name], renamed) != known[name]
        ]
        for name in differing:
            renamed[name] = make_free_name(name, service, {*known, *own, *renamed.values()})
        has_grown = bool(differing)
    return renamed


def lead_all(description: Json, renamed: Mapping[str, str]) -> Json:
    """Return an object of a description with all references to the renamed schemas leading there."""
    is_discriminator = isinstance(description.get("propertyName"), str)  # so is no map of names, such as ``properties``
    return {
        key: _lead_mapping(member, renamed)
        if is_discriminator and key == "mapping" and isinstance(member, dict)
        else _lead_member(key, member, renamed)
        for key, member in description.items()
    }


def make_free_name(name: str, service: str, taken: Collection[str]) -> str:
    """Return the name with the service's ahead of it, and as many underscores behind as it takes to be a new one."""
    free = f"{service}_{name}"
    while free in taken:
        free += "_"
    return free


def _lead(value: object, renamed: Mapping[str, str]) -> object:
    if isinstance(value, list):
        return [_lead(each, renamed) for each in value]
    return lead_all(value, renamed) if isinstance(value, dict) else value


def _lead_member(key: str, member: object, renamed: Mapping[str, str]) -> object:
    if key == "$ref" and isinstance(member, str):
        return _lead_reference(member, renamed)
    return _lead(member, renamed)


def _lead_mapping(mapping: Mapping[str, object], renamed: Mapping[str, str]) -> Json:
    """Return the mapping of a discriminator, to references or names alone, leading to the renamed schemas."""
    return {each: _lead_target(target, renamed) for each, target in mapping.items()}


def _lead_target(target: object, renamed: Mapping[str, str]) -> object:
    return _lead_reference(renamed.get(target, target), renamed) if isinstance(target, str) else _lead(target, renamed)


def _lead_reference(reference: str, renamed: Mapping[str, str]) -> str:
    """Return a reference to a schema, or into one, with the schema's new name."""
    name, slash, rest = reference.removeprefix(PREFIX).partition("/")
    return f"{PREFIX}{renamed[name]}{slash}{rest}" if reference.startswith(PREFIX) and name in renamed else reference
