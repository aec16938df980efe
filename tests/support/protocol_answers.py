"""Answers of a NextAuth server, reduced to what a client sees of them: status, headers, cookies, the body's shape.

Random values and times are replaced by their kind, so that two servers' answers to one request can be compared.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import unquote

import httpx2

HEADERS = ("location", "content-type", "cache-control", "pragma", "expires", "allow")
_SEALED = re.compile(r"[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+")
_CSRF = re.compile(r"[0-9a-f]{64}\|[0-9a-f]{64}")
_DEVICE = re.compile(r"\d+\.[0-9a-f-]{36}\.\d+\.[0-9a-f]{64}")
_SHAPES = {
    "a csrf token": re.compile(r"[0-9a-f]{64}"),
    "an access token": re.compile(r"[\w-]+\.[\w-]+\.[\w-]+"),
    "a UUID": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "a time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What is compared: ``parts`` by name, ``status``, ``body`` and headers; ``cookies`` that are set, by name."""

    parts: Mapping[str, str]
    cookies: Mapping[str, str]

    def everything(self) -> dict[str, str]:
        """Return parts and cookies by name."""
        return {**self.parts, **{f"cookie {name}": text for name, text in self.cookies.items()}}


def read_answer(response: httpx2.Response) -> Answer:
    """Return what a client sees of an answer."""
    headers = {name: response.headers[name] for name in HEADERS if name in response.headers}
    if "content-type" in headers:
        headers["content-type"] = headers["content-type"].partition(";")[0]
    parts = {"status": str(response.status_code), "body": _describe_body(response), **headers}
    cookies = sorted(_describe_cookie(each) for each in response.headers.get_list("set-cookie"))
    return Answer({name: text for name, text in parts.items() if text}, dict(cookies))


def update_jar(jar: dict[str, str], response: httpx2.Response) -> None:
    """Keep and drop cookies as a browser does, whose values stay as they were sent."""
    for line in response.headers.get_list("set-cookie"):
        name, value, attributes = _split_cookie(line)
        if attributes.get("max-age") == "0":
            jar.pop(name, None)
        else:
            jar[name] = value


def _split_cookie(line: str) -> tuple[str, str, dict[str, str]]:
    pair, *rest = line.split("; ")
    name, _, value = pair.partition("=")
    return name, value, {key.lower(): text for key, _, text in (each.partition("=") for each in rest)}


def _describe_cookie(line: str) -> tuple[str, str]:
    name, value, attributes = _split_cookie(line)
    shown = [f"{key} {_describe_attribute(key, text)}".strip() for key, text in sorted(attributes.items())]
    return name, "; ".join([_describe_value(unquote(value)), *shown])


def _describe_value(value: str) -> str:
    if _SEALED.fullmatch(value):
        return "(sealed)"
    if _DEVICE.fullmatch(value):
        return "(device)"
    return "(csrf)" if _CSRF.fullmatch(value) else value


def _describe_attribute(name: str, text: str) -> str:
    if name != "expires":
        return text
    return "past" if parsedate_to_datetime(text).timestamp() < 1 else "later"


def _describe_body(response: httpx2.Response) -> str:
    kind = response.headers.get("content-type", "").partition(";")[0]
    if kind == "text/html":
        return "(page)" if response.content else ""
    if not response.content:
        return ""
    try:
        return _describe_json(json.loads(response.content))
    except ValueError:
        return response.text


def _describe_json(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_describe_json(each)}" for name, each in sorted(value.items())) + "}"
    if isinstance(value, str):
        return next((f"({shape})" for shape, pattern in _SHAPES.items() if pattern.fullmatch(value)), value)
    return "null" if value is None else f"({type(value).__name__})"
