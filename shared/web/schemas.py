"""The shapes of JSON bodies, forms and queries: one model validates them and describes them in OpenAPI.

Members are camelCase outside and snake_case inside. A body with an unknown member is refused. Text is limited to what
PostgreSQL can store and UTF-8 can encode: no NUL, no lone surrogates.
"""

import datetime as dt
import re
import unicodedata
from collections.abc import Mapping
from typing import Annotated, TypeVar

import pydantic
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, PlainSerializer
from pydantic.alias_generators import to_camel

from shared.errors import Invalid
from shared.language.sentences import Sentence

Model = TypeVar("Model", bound=BaseModel)


class Body(BaseModel):
    """A body that a client sends: exact types, no unknown members."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", strict=True, frozen=True, validate_by_name=False
    )


class Query(BaseModel):
    """A query string: texts, converted to the types they stand for; unknown parameters are ignored."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)


class View(BaseModel):
    """A body that we send. Built by field name, printed in camelCase."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=False)


def example(**members: JsonValue) -> ConfigDict:
    """Return the model configuration that adds one complete example to its description, with members in camelCase."""
    return ConfigDict(json_schema_extra={"examples": [dict(members)]})


class ErrorView(View):
    """An error: a sentence for people, and members that carry facts."""

    model_config = example(error="No Authorization")

    error: str


class InvalidView(ErrorView):
    """422: the members that are wrong, and why."""

    model_config = example(error="Some fields are not right", fields={"title": "is required"})

    fields: dict[str, str]


def _check_text(value: str) -> str:
    if "\0" in value:
        raise ValueError("must not contain a NUL character")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("must be valid Unicode text") from None
    return value


def _check_line(value: str) -> str:
    if not any(map(_is_visible, value)):
        raise ValueError("must not be blank")
    if _BREAKING.search(value) is not None:
        raise ValueError("must be a single line without control characters")
    return value


def _is_visible(character: str) -> bool:
    """Tell whether a character is visible by itself: a space, a joiner or a mark on nothing is not."""
    return unicodedata.category(character) not in _UNSEEN and character not in _FILLERS


_UNSEEN = {"Cc", "Cf", "Cs", "Mn", "Me", "Mc", "Zs", "Zl", "Zp"}  # Unicode, section 4.5
_FILLERS = set("\u115f\u1160\u2800\u3164\uffa0")  # of Hangul and Braille: letters and symbols by category, but blank

# Control characters and line breaks. Not more: many languages need joiners and wide spaces.
_BREAKS = r"\u0000-\u001f\u007f-\u009f\u2028\u2029"
_BREAKING = re.compile(f"[{_BREAKS}]")
_LINE_PATTERN = rf"^[^{_BREAKS}]*[^\s{_BREAKS}][^{_BREAKS}]*$"

Text = Annotated[str, AfterValidator(_check_text), Field(json_schema_extra={"pattern": r"^[^\u0000]*$"})]
Line = Annotated[Text, AfterValidator(_check_line), Field(json_schema_extra={"pattern": _LINE_PATTERN})]
Time = Annotated[
    dt.datetime,
    PlainSerializer(lambda moment: moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z"), return_type=str),
]
"""A moment, printed as RFC 3339 in UTC with ``Z``."""


def validate(model: type[Model], members: object) -> Model:
    """Return the members as the model, or raise Invalid naming each member that is wrong."""
    try:
        return model.model_validate(members)
    except pydantic.ValidationError as error:
        raise Invalid(describe_faults(error)) from None


def describe_faults(error: pydantic.ValidationError) -> dict[str, str]:
    """Return, for each wrong member, one sentence on what is wrong."""
    faults: dict[str, str] = {}
    for fault in error.errors(include_input=False, include_url=False):
        name = ".".join(str(part) for part in fault["loc"]) or "body"
        faults.setdefault(
            name.encode(errors="replace").decode(), _describe_fault(fault["type"], fault["msg"], fault.get("ctx", {}))
        )
    return faults


_SENTENCES = {
    "missing": Sentence("is required"),
    "extra_forbidden": Sentence("is not known here"),
    "string_type": Sentence("must be text"),
    "string_unicode": Sentence("must be valid Unicode text"),
    "string_too_short": Sentence("must be at least {min_length} characters"),
    "string_too_long": Sentence("must be at most {max_length} characters"),
    "too_short": Sentence(
        "must be at least {min_length} characters"
    ),  # the same, for a text that one of our own checks precedes
    "too_long": Sentence("must be at most {max_length} characters"),
    "model_type": Sentence("must be an object"),
    "model_attributes_type": Sentence("must be an object"),
}


def _describe_fault(kind: str, message: str, facts: Mapping[str, object]) -> str:
    if kind in _SENTENCES:
        return Sentence(_SENTENCES[kind].pattern, **facts)
    if kind == "value_error" and isinstance(refusal := facts.get("error"), ValueError):
        return str(refusal.args[0]) if not isinstance(refusal.args[0], Sentence) else refusal.args[0]
    sentence = message.removeprefix("Value error, ").removeprefix("value is not a valid email address: ")
    return sentence[:1].lower() + sentence[1:]
