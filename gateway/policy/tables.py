"""What the tables of a policy file have in common."""

from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

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


class Table(BaseModel):
    """A table of the file. Each word's description stands below it."""

    model_config = ConfigDict(strict=True, extra="forbid", use_attribute_docstrings=True)
