"""providers.toml: who signs people in besides us. Text in, checked providers out, or ProvidersRefused with the line.

[[provider]]
id = "google"                       # in addresses: /api/auth/signin/google
preset = "google"                   # google, kakao, github or naver; for any other its issuer
client_id = "…"
client_secret_file = "google.secret"  # beside this file; the secret itself never stands in it

[[provider]]
id = "ours"
issuer = "https://login.example.com"
name = "Example"                    # on the button
address = "http://login:8080"       # where its origin is reached from here, if elsewhere than browsers reach it
origins = ["https://keys.example.com"]  # beyond the issuer's own that its endpoints may be at
scopes = ["openid", "email"]
client_id = "…"
client_secret_file = "ours.secret"
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from auth_service.providers.presets import LOG_IN_ANEW, OPENID_SCOPES, PRESETS, Endpoints, Fields
from auth_service.providers.profiles import ReadClaims, read_claims
from shared.toml_lines import KeyPath, TomlInvalid, get_line, list_lines, parse_toml
from shared.web.origins import DEFAULT_PORTS, LOOPBACK_HOSTS, ORIGIN

LONGEST_FILE = 65_536  # bytes
LONGEST_SECRET = 4096  # characters
MOST = 20  # providers, each a button on the sign-in page
TAKEN_IDS = frozenset({"credentials", "email"})  # next-auth's, for our own ways to sign in

_ISSUER = re.compile(rf"{ORIGIN}(?:/[A-Za-z0-9._~!$&'()*+,;=:@/%-]*)?")
_SCOPE = r"^[\x21\x23-\x5b\x5d-\x7e]+$"  # RFC 6749, section 3.3
_REASONS = {
    "missing": "is missing",
    "extra_forbidden": "unknown word",
    "string_type": "must be a text",
    "list_type": "must be a list",
    "model_type": "must be a table",
}


class ProvidersRefused(ValueError):
    """A file that can't be used; the text says on which line and why, and begins with "names a file"."""


@dataclass(frozen=True, slots=True)
class Provider:
    """One who signs people in for us; ``origins`` are all that it is called at, the issuer's own first.

    ``endpoints`` are None where it publishes them; ``read`` then reads its claims. ``anew`` asks for proof again.
    """

    id: str
    name: str
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: tuple[str, ...] = OPENID_SCOPES
    origins: tuple[str, ...] = ()
    address: str | None = None
    endpoints: Endpoints | None = None
    anew: Fields = LOG_IN_ANEW
    read: ReadClaims = read_claims


class _Table(BaseModel):
    """What one table may say."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
    preset: str | None = None
    issuer: str | None = None
    name: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    client_id: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,500}$")]
    client_secret_file: Annotated[str, Field(min_length=1, pattern=r"^[^\x00]*$")]
    scopes: list[Annotated[str, Field(pattern=_SCOPE)]] | None = None
    origins: list[Annotated[str, Field(pattern=f"^{ORIGIN}$")]] = []
    address: Annotated[str, Field(pattern=f"^{ORIGIN}$")] | None = None

    @field_validator("id")
    @classmethod
    def _check_id(cls, value: str) -> str:
        if value in TAKEN_IDS:
            raise ValueError("is taken: it is one of our own ways to sign in")
        return value

    @field_validator("preset")
    @classmethod
    def _check_preset(cls, value: str) -> str:
        if value not in PRESETS:
            raise ValueError(f"is unknown; known are {', '.join(PRESETS)}")
        return value

    @field_validator("issuer")
    @classmethod
    def _check_issuer(cls, value: str) -> str:
        if not _ISSUER.fullmatch(value) or origin_of(value) is None:
            raise ValueError("must be a URL such as https://login.example.com, without a query")
        return value

    @field_validator("issuer", "origins")
    @classmethod
    def _check_https(cls, value: str | list[str], info: ValidationInfo) -> str | list[str]:
        is_development = (info.context or {}).get("is_development", False)
        for parts in map(urlsplit, [value] if isinstance(value, str) else value):
            if parts.scheme != "https" and parts.hostname not in LOOPBACK_HOSTS and not is_development:
                raise ValueError("must be https in production")
        return value

    @field_validator("name")
    @classmethod
    def _check_name(cls, value: str) -> str:
        if not value.isprintable() or not value.strip():
            raise ValueError("must be one line")
        return value

    @model_validator(mode="after")
    def _check_whole(self) -> Self:
        if (self.preset is None) == (self.issuer is None):
            raise ValueError("either a preset or an issuer has to say who it is")
        if self.preset is None and self.scopes is not None and "openid" not in self.scopes:
            raise ValueError('scopes: must have "openid" among them')
        return self


class _File(BaseModel):
    """What the file may say."""

    model_config = ConfigDict(extra="forbid", strict=True)

    provider: Annotated[list[_Table], Field(min_length=1, max_length=MOST)]


def load_providers(path: Path, *, is_development: bool = False) -> tuple[Provider, ...]:
    """Return the providers of a file, and the secrets in the files that it names; raises ProvidersRefused."""
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST_FILE + 1)
        text = content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise ProvidersRefused("names a file that can't be read") from None
    if len(content) > LONGEST_FILE:
        raise ProvidersRefused(f"names a file of more than {LONGEST_FILE} bytes")
    return parse_providers(text, path.parent, is_development=is_development)


def parse_providers(text: str, folder: Path, *, is_development: bool = False) -> tuple[Provider, ...]:
    """Return the providers in a file's text, whose secrets are in files of a folder; raises ProvidersRefused."""
    try:
        words = parse_toml(text)
    except TomlInvalid as fault:
        raise _refuse(fault.line, fault.reason) from None
    lines = list_lines(text)
    try:
        tables = _File.model_validate(words, context={"is_development": is_development}).provider
    except ValidationError as invalid:
        raise _refuse(*_choose_fault(invalid, lines)) from None
    for number, table in enumerate(tables):
        if table.id in {each.id for each in tables[:number]}:
            raise _refuse(get_line(lines, ("provider", number, "id")), f"id: {table.id} is there twice")
    return tuple(
        _complete(table, _read_secret(folder, table, get_line(lines, ("provider", number, "client_secret_file"))))
        for number, table in enumerate(tables)
    )


def origin_of(url: str) -> str | None:
    """Return the origin of a URL as browsers write it (RFC 6454, section 6.1); None when it is no http or https URL."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in DEFAULT_PORTS or not host or "@" in parts.netloc:
        return None
    named = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{named}:{port}".removesuffix(":None").removesuffix(DEFAULT_PORTS[parts.scheme])


def list_origins(urls: Iterable[str]) -> tuple[str, ...]:
    """Return the origins of some URLs, each once."""
    origins: Iterable[str | None] = map(origin_of, urls)
    return tuple(dict.fromkeys(origin for origin in origins if origin is not None))


def _complete(table: _Table, secret: str) -> Provider:
    """Return the provider that a table describes, with what its preset knows."""
    preset = PRESETS[table.preset] if table.preset is not None else None
    issuer = preset.issuer if preset else table.issuer
    assert issuer is not None, "one of them says it"
    further = (*(preset.origins if preset else ()), *table.origins)
    return Provider(
        table.id,
        table.name or (preset.name if preset else table.id),
        issuer,
        table.client_id,
        secret,
        tuple(table.scopes) if table.scopes is not None else preset.scopes if preset else OPENID_SCOPES,
        list_origins((issuer, *further)),
        table.address,
        preset.endpoints if preset else None,
        preset.anew if preset else LOG_IN_ANEW,
        preset.read if preset else read_claims,
    )


def _read_secret(folder: Path, table: _Table, line: int) -> str:
    try:
        with (folder / table.client_secret_file).open(encoding="utf-8") as file:
            secret = file.read(LONGEST_SECRET + 1).strip()
    except (OSError, ValueError):
        raise _refuse(line, "client_secret_file: names a file that can't be read") from None
    if not secret or len(secret) > LONGEST_SECRET or not (secret.isascii() and secret.isprintable()):
        raise _refuse(line, "client_secret_file: names a file that holds no secret")
    return secret


def _refuse(line: int, reason: str) -> ProvidersRefused:
    return ProvidersRefused(f"names a file that can't be used: line {line}: {reason}")


def _choose_fault(invalid: ValidationError, lines: dict[KeyPath, int]) -> tuple[int, str]:
    """Return the line and the reason of the first fault. A missing word comes last: it may be there, misspelt."""
    faults = [
        (kind == "missing", get_line(lines, place), _describe(kind, place, fault["msg"]))
        for fault in invalid.errors(include_url=False, include_input=False)
        for kind, place in [(fault["type"], fault["loc"])]
    ]
    _, line, reason = min(faults)
    return line, reason


def _describe(kind: str, place: KeyPath, message: str) -> str:
    """Return what is wrong, after the innermost word that is named."""
    named = next((part for part in reversed(place) if isinstance(part, str)), "")
    reason = _REASONS.get(kind) or message.removeprefix("Value error, ")
    return reason if named in {"", "provider"} and kind == "value_error" else f"{named}: {reason}"
