"""What the tables of a policy file have in common, and the words that are defaults of an upstream's rules."""

import re
from collections.abc import Collection, Iterable
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator

from gateway.callers.identity_headers import may_name_caller
from gateway.policy.rules import About, Authorization, Cookies, IdentityHeader

USUAL_HEADERS = {
    "Remote-User": About.ID,
    "Remote-Email": About.EMAIL,
    "Remote-Name": About.NAME,
    "Remote-Groups": About.ROLES,
}
"""The names that many applications take from a proxy, and what they say."""

_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")

UsualHeader: TypeAlias = Literal["Remote-User", "Remote-Email", "Remote-Name", "Remote-Groups"]
Identity: TypeAlias = list[UsualHeader] | dict[str, About]
Count: TypeAlias = Annotated[int, Field(ge=1)]
Seconds: TypeAlias = Annotated[float, Field(gt=0, le=86_400)]
Text: TypeAlias = Annotated[str, Field(min_length=1)]
Texts: TypeAlias = Text | Annotated[list[Text], Field(min_length=1)]


def as_list(value: object) -> list[object]:
    """Return the list that a text, or a list of texts, stands for."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts:
        raise ValueError("must be a text or a list of texts")
    return texts


def read_text(value: object) -> str:
    """Return a text that is one, and not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError("must be a text")
    return value


def _read_identity(value: object) -> tuple[IdentityHeader, ...]:
    """Return the headers that a list of usual names or a table stands for, in the order of their names."""
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        _refuse_unknown(value, USUAL_HEADERS)
        headers = [(name, USUAL_HEADERS[name]) for name in value]
    elif isinstance(value, dict):
        _refuse_unknown(value.values(), list(About))
        headers = [(name, About(about)) for name, about in value.items()]
    else:
        raise ValueError("must be a list of names, or a table of names and what they say")
    for name, _ in headers:
        if not may_name_caller(name.lower().encode()):
            raise ValueError(f"the header {name} can't name a caller")
    found = sorted(IdentityHeader(name.lower(), about) for name, about in headers)
    if len({header.name for header in found}) < len(found):
        raise ValueError("names a header twice")
    return tuple(found)


def _check_prefix(prefix: str) -> str:
    if prefix and (not _PREFIX.fullmatch(prefix) or {".", ".."} & set(prefix.split("/"))):
        raise ValueError("must be a path of letters, digits, -, _, ~ and dots without a slash at its end, such as /app")
    return prefix


def _refuse_unknown(words: Iterable[object], known: Collection[str]) -> None:
    for word in words:
        if word not in known:
            raise ValueError(f"unknown word {word!r}; known are {', '.join(known)}")


class Table(BaseModel):
    """A table of the file. Each word's description stands below it."""

    model_config = ConfigDict(strict=True, extra="forbid", use_attribute_docstrings=True)


class PassingTable(Table):
    """What an upstream gets of a request: words of a rule, or of an upstream as the defaults of its rules."""

    authorization: Annotated[Authorization | None, Field(strict=False)] = None
    """Whose Authorization header the upstream gets. `token`: ours, with the access token of a signed-in caller. `own`:
    the application's, as it came; it proves nothing here, and callers are known by their session cookie alone. `none`,
    if left out: nobody's."""
    identity: Annotated[
        tuple[IdentityHeader, ...] | None, PlainValidator(_read_identity, json_schema_input_type=Identity)
    ] = None
    """Headers that name a signed-in caller to the upstream; a client's own never pass. A list of `Remote-User` (the
    id), `Remote-Email` (a proven address), `Remote-Name` and `Remote-Groups` (the roles), or a table of names and what
    they say: `id`, `email`, `unproven-email`, `name` or `roles`."""
    strip: Annotated[str | None, AfterValidator(_check_prefix)] = None
    """A prefix of the path, such as `/app`, that the upstream does not know of: it is taken off what is forwarded, and
    `Location` and the paths of cookies get it back. Every matcher must be below it. An empty text is none."""
    cookies: Annotated[Cookies | None, Field(strict=False)] = None
    """Which of NextAuth's cookies the upstream gets. `session`: the session cookie of a signed-in caller, for a Next.js
    server that reads it. `none`, if left out."""

    def choose_words(self, defaults: "PassingTable | None") -> dict[str, object]:
        """Return the words, those that are not said here as the defaults have them; none that nobody says."""
        tables = [self] if defaults is None else [defaults, self]
        return {
            name: value
            for table in tables
            for name in PassingTable.model_fields
            if (value := getattr(table, name)) is not None
        }
