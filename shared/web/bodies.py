"""Reading a request's body, JSON (RFC 8259) or a form, bounded in size, into a model.

Too long is 413, not JSON is 400, another type is 415, well-formed but invalid is 422. JSON is parsed strictly: UTF-8,
no NaN, no duplicate members. Nothing that a client can send ends in a 500.
"""

import asyncio
import json
import math
from collections.abc import Sequence
from typing import NoReturn, TypeVar
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from shared.errors import BadRequest, BodyTooLarge, UnsupportedMediaType
from shared.web.schemas import Model, validate

MAX_JSON_BODY = 262_144  # bytes, unless the endpoint sets less
MAX_FORM_FIELDS = 32
LONG_FORM = 65_536  # bytes; decoding a longer one takes too long to block the event loop

_long_forms = asyncio.Semaphore(1)

Value = TypeVar("Value")


async def read_json(request: Request, model: type[Model], limit: int = MAX_JSON_BODY) -> Model:
    """Return the JSON body as the model."""
    if media_type(request) != "application/json":
        raise UnsupportedMediaType
    return validate(model, parse_json(await read_bytes(request, limit)))


async def read_form(request: Request, limit: int = MAX_JSON_BODY) -> dict[str, str]:
    """Return the fields of an urlencoded form; a field given twice is refused."""
    if not is_form(request):
        raise UnsupportedMediaType("Send a form")
    text = await read_bytes(request, limit)
    try:
        if len(text) <= LONG_FORM:
            pairs = _parse_form(text)
        else:
            async with _long_forms:
                pairs = await asyncio.to_thread(_parse_form, text)
    except ValueError:
        raise BadRequest("The form can't be read") from None
    return _unique(pairs)


def _parse_form(text: bytes) -> list[tuple[str, str]]:
    return parse_qsl(text.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FORM_FIELDS)


async def read_bytes(request: Request, limit: int) -> bytes:
    """Return the body, at most ``limit`` bytes; a longer one is refused before it is read to the end."""
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > limit:
        raise BodyTooLarge
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise BodyTooLarge
    except ClientDisconnect:
        raise BadRequest("The body ended early") from None
    return bytes(body)


def media_type(request: Request) -> str:
    """Return the request's media type without its parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def is_form(request: Request) -> bool:
    """Tell whether the body is an urlencoded form, as plain HTML sends it."""
    return media_type(request) == "application/x-www-form-urlencoded"


def parse_json(body: bytes) -> object:
    """Return the value of a JSON text, or raise BadRequest."""
    try:
        value: object = json.loads(
            body.decode("utf-8"), parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_unique
        )
    except (ValueError, RecursionError):
        raise BadRequest("The body is not JSON") from None
    return value


def _unique(pairs: Sequence[tuple[str, Value]]) -> dict[str, Value]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise BadRequest("The body names a member twice")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number
