"""Bodies: what is accepted, what is refused with which status, and that nothing a client sends is a fault of ours."""

import asyncio
import contextlib
import datetime as dt
import json
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import EmailStr, Field, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.types import Message

from shared.errors import BadRequest, BodyTooLarge, Invalid, UnsupportedMediaType
from shared.web.bodies import MAX_FORM_FIELDS, media_type, parse_json, read_bytes, read_form, read_json
from shared.web.error_responses import render_error
from shared.web.schemas import Body, Line, Query, Text, Time, View, validate

JSON_TYPE = {"content-type": "application/json"}
FORM_TYPE = {"content-type": "application/x-www-form-urlencoded"}


class NewPost(Body):
    """A body as services have them."""

    title: Annotated[Line, Field(min_length=2, max_length=20)]
    author_email: EmailStr | None = None
    content: Annotated[Text, Field(max_length=98)] = ""
    published: bool = False
    rank: int = 0


class PageQuery(Query):
    """A query as services have them."""

    page_size: Annotated[int, Field(ge=1, le=100)] = 20


def request_with(*chunks: bytes, headers: Mapping[str, str] = JSON_TYPE, disconnects: bool = False) -> Request:
    """Return a request whose body comes in these chunks."""
    messages = iter(
        [
            *({"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks),
            {"type": "http.disconnect"} if disconnects else {"type": "http.request", "body": b"", "more_body": False},
        ]
    )

    async def receive() -> Message:
        return next(messages)

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": raw}, receive)


def faults_of(members: object) -> dict[str, str]:
    """Return what is wrong with a new post."""
    with pytest.raises(Invalid) as refused:
        validate(NewPost, members)
    return refused.value.fields


# Models


def test_camel_case_outside() -> None:
    """Members are camelCase outside and snake_case inside; the other spelling is unknown."""
    assert validate(NewPost, {"title": "Hello", "authorEmail": "a@example.com"}).author_email == "a@example.com"
    assert faults_of({"title": "Hello", "author_email": "a@example.com"}) == {"author_email": "is not known here"}


@pytest.mark.parametrize(
    ("members", "faults"),
    [
        ({}, {"title": "is required"}),
        ({"title": "abc", "extra": 1}, {"extra": "is not known here"}),
        ({"title": ""}, {"title": "must not be blank"}),
        ({"title": "x"}, {"title": "must be at least 2 characters"}),
        ({"title": "x" * 21}, {"title": "must be at most 20 characters"}),
        ({"title": "abc", "content": "x" * 99}, {"content": "must be at most 98 characters"}),
        ({"title": " \t"}, {"title": "must not be blank"}),
        ({"title": "a\nb"}, {"title": "must be a single line without control characters"}),
        ({"title": "a\0b"}, {"title": "must not contain a NUL character"}),
        ({"title": "\ud800"}, {"title": "must be valid Unicode text"}),
        ({"title": 1}, {"title": "must be text"}),
        ({"title": None}, {"title": "must be text"}),
        ({"title": "abc", "content": "\0"}, {"content": "must not contain a NUL character"}),
        ({"title": "abc", "\ud800": 1}, {"body": "must be valid Unicode text"}),
        ([], {"body": "must be an object"}),
        (None, {"body": "must be an object"}),
        ("title", {"body": "must be an object"}),
    ],
)
def test_each_fault_is_named(members: object, faults: dict[str, str]) -> None:
    """A wrong body is refused with one sentence for each member that is wrong."""
    assert faults_of(members) == faults


@pytest.mark.parametrize(
    "members", [{"published": "true"}, {"published": 1}, {"rank": "1"}, {"rank": 1.0}, {"rank": True}]
)
def test_types_are_exact(members: dict[str, object]) -> None:
    """A member of a similar type is not taken for the right one."""
    assert set(faults_of({"title": "abc", **members})) == set(members)


def test_query_is_read_from_text() -> None:
    """A query's texts are converted to their types; unknown parameters are ignored."""
    assert validate(PageQuery, {"pageSize": "5", "utm_source": "x"}).page_size == 5
    with pytest.raises(Invalid) as refused:
        validate(PageQuery, {"pageSize": "0"})
    assert set(refused.value.fields) == {"pageSize"}


def test_time_is_printed_in_utc() -> None:
    """A moment is printed as RFC 3339 in UTC with Z, whatever its time zone."""

    class Written(View):
        created_at: Time

    moment = dt.datetime(2030, 1, 2, 5, 4, 5, 6000, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    printed = Written(created_at=moment).model_dump(mode="json", by_alias=True)
    assert printed == {"createdAt": "2030-01-02T03:04:05.006000Z"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(), max_size=8), inner, max_size=4)
    ),
    max_leaves=10,
)
names = st.sampled_from(["title", "authorEmail", "content", "published", "rank"]) | st.text(st.characters())


@given(st.dictionaries(names, json_values) | json_values)
def test_any_members_are_taken_or_invalid(members: object) -> None:
    """Any JSON value, including lone surrogates, is accepted, or refused with an answer that can be encoded."""
    try:
        validate(NewPost, members).model_dump_json().encode()
    except Invalid as error:
        render_error({"path": "/api/posts", "headers": []}, error)


# JSON


async def test_json_is_read() -> None:
    """A JSON body becomes its model, in whatever chunks it comes and whatever parameters its media type has."""
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    post = await read_json(request_with(b'{"title":', '"Zoë"}'.encode(), headers=headers), NewPost)
    assert post.title == "Zoë"


@pytest.mark.parametrize("media", ["", "text/plain", "application/jsonp", "application/x-www-form-urlencoded", "json"])
async def test_another_type(media: str) -> None:
    """A body of another type is 415, before it is read."""
    with pytest.raises(UnsupportedMediaType):
        await read_json(request_with(b"{}", headers={"content-type": media}), NewPost)
    assert media_type(request_with(headers={})) == ""


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b" ", b"{", b"nul", b"{'a': 1}", b"[1,]", b"// x\n{}", b"\xef\xbb\xbf{}", b"{}{}", b'{"a": 1, "a": 2}'),
        *(b'"\xff"', b'"\xed\xa0\x80"', "{}".encode("utf-16"), b"NaN", b"-Infinity", b"1e400", b"[" * 100_000),
        *(b'{"a":' * 50_000, b"9" * 5000, b'"\n"', b"\x00"),
    ],
)
def test_no_json(body: bytes) -> None:
    """Anything but strict JSON is 400: other encodings, NaN, duplicate members, endless nesting or digits."""
    with pytest.raises(BadRequest):
        parse_json(body)


@given(st.binary())
def test_any_bytes_are_json_or_refused(body: bytes) -> None:
    """Any bytes are a JSON value or refused, and nothing else is raised."""
    with contextlib.suppress(BadRequest):
        parse_json(body)


@given(json_values.filter(lambda value: "Infinity" not in json.dumps(value) and "NaN" not in json.dumps(value)))
def test_any_value_is_read_as_it_was(value: object) -> None:
    """Every JSON value is read back unchanged."""
    assert parse_json(json.dumps(value).encode()) == value


# Size


async def test_declared_length() -> None:
    """A body declared as too long is refused before any of it is read."""

    async def receive() -> Message:
        raise AssertionError("nothing should be read")

    for length in ("11", "9" * 30):
        scope = {"type": "http", "method": "POST", "headers": [(b"content-length", length.encode())]}
        with pytest.raises(BodyTooLarge):
            await read_bytes(Request(scope, receive), 10)


async def test_length_that_was_not_declared() -> None:
    """A body that turns out to be too long is refused once it passes the limit, without waiting for its end."""
    assert await read_bytes(request_with(b"12345", b"67890"), 10) == b"1234567890"
    with pytest.raises(BodyTooLarge):
        await read_bytes(request_with(b"12345", b"678901", b"never read", headers={"content-length": "x"}), 10)


async def test_body_that_ends_early() -> None:
    """A client that disconnects in the middle of its body is no fault of ours."""
    with pytest.raises(BadRequest, match="ended early"):
        await read_bytes(request_with(b"1", disconnects=True), 10)


# Forms


async def test_form_is_read() -> None:
    """A form's fields are read, including blanks, non-ASCII text and empty ones."""
    fields = {"name": "Zoë & Co = 1", "empty": "", "text": "a\r\nb"}
    assert await read_form(request_with(urlencode(fields).encode(), headers=FORM_TYPE)) == fields


@pytest.mark.parametrize(
    "body", [b"a=1&a=2", b"a=%ff", "a=é".encode(), b"&".join(b"f%d=" % n for n in range(MAX_FORM_FIELDS + 1))]
)
async def test_bad_form(body: bytes) -> None:
    """A form with a duplicate field, too many fields or invalid UTF-8 is 400."""
    with pytest.raises(BadRequest):
        await read_form(request_with(body, headers=FORM_TYPE))


async def test_no_form() -> None:
    """JSON where a form is expected is 415."""
    with pytest.raises(UnsupportedMediaType, match="Send a form"):
        await read_form(request_with(b"{}"))


async def test_a_long_form_stops_nobody() -> None:
    """While a megabyte of escapes is decoded, the event loop goes on."""
    request = request_with(b"text=" + b"%26" * 300_000, headers=FORM_TYPE)
    reading, turns = asyncio.create_task(read_form(request, 1_048_576)), 0
    while not reading.done():
        await asyncio.sleep(0)
        turns += 1
    assert (await reading)["text"] == "&" * 300_000
    assert turns > 3


@given(st.binary())
async def test_any_bytes_are_a_form_or_refused(body: bytes) -> None:
    """Any bytes are a form of valid texts, or 400."""
    try:
        fields = await read_form(request_with(body, headers=FORM_TYPE))
    except BadRequest:
        return
    assert all(text.encode() is not None for pair in fields.items() for text in pair)


LINE: TypeAdapter[str] = TypeAdapter(Line)


@pytest.mark.parametrize(
    "unseen",
    [
        *(
            "",
            " \t",
            "\u200b\u200d\ufeff",
            "\u3164",
            "\u115f\u1160",
            "\uffa0",
            "\u2800",
            "\ufe0f\ufe0e",
            "\u0301\u20dd",
        ),
        *("\u034f", "\u00ad", "\u2066\u2069", "\U000e0041\U000e007f", "\u3000"),
    ],
)
def test_a_line_shows_something(unseen: str) -> None:
    """A name or a title of invisible characters is blank; one visible character is enough, and all are kept."""
    with pytest.raises(ValidationError, match="must not be blank"):
        LINE.validate_python(unseen)
    if "\t" not in unseen:
        assert LINE.validate_python(f"a{unseen}b") == f"a{unseen}b"
    for name in ("\u0928\u093f", "\U0001f469\u200d\U0001f680", "\u0e01\u0e33", "\ud55c", "e\u0301", "-"):
        assert LINE.validate_python(f"  {name} ") == f"  {name} "
