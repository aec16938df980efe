"""Members of a JSON object that somebody else wrote, read without trust in their types. Pure."""

Json = dict[str, object]


def members(document: Json, name: str) -> Json:
    """Return a member of a document that is an object, or an empty one."""
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def list_objects(document: Json, name: str) -> list[Json]:
    """Return the objects in a member of a document that is a list, or none."""
    found = document.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
