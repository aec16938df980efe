"""What a policy file may say of other origins: the word ``cors`` of a rule, and what it becomes (``cors``)."""

import re
from typing import Annotated, Self, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from gateway.policy.cors import EVERYBODY, USUAL_HEADERS, USUAL_MAX_AGE, Cors, can_have_cookies, read_reader
from gateway.policy.tables import Table, Texts, as_list

_NAME = r"[!#$%&'*+.^`|~0-9A-Za-z-]+"


def _check_name(name: str) -> str:
    if not re.fullmatch(_NAME, name):
        raise ValueError(f"{name!r} is no name of a header")
    return name


HeaderName: TypeAlias = Annotated[
    str, AfterValidator(_check_name), WithJsonSchema({"type": "string", "pattern": f"^{_NAME}$"})
]
HeaderNames: TypeAlias = HeaderName | list[HeaderName]
USUAL_NAMES: list[HeaderName] = list(USUAL_HEADERS)
Origin: TypeAlias = Annotated[str, AfterValidator(read_reader)]


def as_cors(value: object) -> object:
    """Return the table that a text, or a list of texts, stands for."""
    return value if isinstance(value, dict) else {"origins": value}


def _as_names(value: object) -> object:
    return [value] if isinstance(value, str) else value


class CorsTable(Table):
    """Which pages of other origins may read the answers, and what they may send."""

    origins: Annotated[list[Origin], BeforeValidator(as_list, json_schema_input_type=Texts)]
    """`https://app.example`, with a port if it has one; or `"*"` for everybody, which goes with no other."""
    credentials: bool = False
    """true: the session cookie counts in requests of these pages, as in those of our own. Not beside `"*"`."""
    headers: Annotated[list[HeaderName], BeforeValidator(_as_names, json_schema_input_type=HeaderNames)] = USUAL_NAMES
    """The headers that they may send besides the simple ones; Authorization and Content-Type if left out."""
    max_age: Annotated[int, Field(ge=0)] = USUAL_MAX_AGE
    """The seconds for which a browser remembers that; 600 if left out."""

    @model_validator(mode="after")
    def _check_words(self) -> Self:
        if EVERYBODY in self.origins and len(self.origins) > 1:
            raise ValueError("'*' is everybody, and goes with no other origin")
        if self.credentials and EVERYBODY in self.origins:
            raise ValueError("'*' can't go with credentials: any page could act in its visitor's name")
        exposed = [origin for origin in self.origins if self.credentials and not can_have_cookies(origin)]
        if exposed:
            raise ValueError(f"{exposed[0]} is not https: whoever is on the way could act in its visitors' names")
        return self

    def to_cors(self) -> Cors:
        """Return the value."""
        return Cors(frozenset(self.origins), self.credentials, tuple(self.headers), self.max_age)
