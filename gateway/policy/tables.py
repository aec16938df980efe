"""What the tables of a policy file have in common, and the words that are defaults of an upstream's rules."""

from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from gateway.policy.rules import Authorization

Count: TypeAlias = Annotated[int, Field(ge=1)]
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


class Table(BaseModel):
    """A table of the file. Each word's description stands below it."""

    model_config = ConfigDict(strict=True, extra="forbid", use_attribute_docstrings=True)


class PassingTable(Table):
    """What an upstream gets of a request: words of a rule, or of an upstream as the defaults of its rules."""

    authorization: Annotated[Authorization | None, Field(strict=False)] = None
    """Whose Authorization header the upstream gets. `token`: ours, with the access token of a signed-in caller. `own`:
    the application's, as it came; it proves nothing here, and callers are known by their session cookie alone. `none`,
    if left out: nobody's."""

    def choose_words(self, defaults: "PassingTable | None") -> dict[str, object]:
        """Return the words, those that are not said here as the defaults have them; none that nobody says."""
        tables = [self] if defaults is None else [defaults, self]
        return {
            name: value
            for table in tables
            for name in PassingTable.model_fields
            if (value := getattr(table, name)) is not None
        }
