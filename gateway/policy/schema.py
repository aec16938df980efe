"""What a policy file may say: each word, its type and its meaning, as pydantic models that become rules and upstreams.

    python -m gateway.policy.schema      writes gateway/rules.schema.json, by which editors complete and check a policy

A file with an unknown word is refused: a typing error must not open a door. What must hold between words, and between
rules, is in ``checks``.
"""

import json
import re
import ssl
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Self, TypeAlias, TypeVar, get_args
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from gateway.matching.dfa import DFA
from gateway.matching.matchers import Matcher, MatcherInvalid, compile_matcher, compile_regex
from gateway.policy import rules
from gateway.policy.cors_table import CorsTable, as_cors
from gateway.policy.methods import FORWARDED_METHODS, OTHER_METHOD, UsualMethod
from gateway.policy.rules import Access, Condition, Paths, Rule, Source
from gateway.policy.tables import Count, PassingTable, Seconds, Table, Text, Texts, as_list, read_text
from gateway.policy.upstreams import Replica, Upstream
from shared.web.origins import HOST_NAME, is_name
from shared.web.service_calls import UNIX

FILE = Path(__file__).parents[1] / "rules.schema.json"

_PORTS = {"http": 80, "https": 443}
_SETTING = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")

Compiled = TypeVar("Compiled")


def _as_table(value: object) -> object:
    return value if isinstance(value, dict) else {"address": value}


def _compile(compile_one: Callable[[str], Compiled], value: object) -> Compiled:
    source = read_text(value)
    try:
        return compile_one(source)
    except MatcherInvalid as error:
        raise ValueError(f"{source!r}: {error}") from None


def _refuse_own_name(name: str) -> str:
    if name == rules.OWN_UPSTREAM:
        raise ValueError("this name is the gateway's own")
    return name


def _read_address(value: object, info: ValidationInfo) -> Replica:
    """Return the address in a URL. The validation's context gives the values of settings."""
    settings: Mapping[str, str] = info.context or {}
    text = read_text(value)
    for setting in _SETTING.findall(text):
        if setting not in settings:
            raise ValueError(f"there is no setting {setting}")
    url = _SETTING.sub(lambda match: settings[match.group(1)], text)
    return _read_socket(url) if url.startswith(UNIX) else _read_url(url)


def _check_method(method: str) -> str:
    if not re.fullmatch(OTHER_METHOD, method):
        how = "methods are in capitals, such as GET or PROPFIND, and neither CONNECT nor TRACE"
        raise ValueError(f"{method!r} can't be named: {how}")
    return method


def _check_host(host: str) -> str:
    if not re.fullmatch(HOST_NAME, host):
        raise ValueError(f"{host!r} is not a host in lower case without a port, such as app.example.com")
    return host


def _read_socket(url: str) -> Replica:
    path = url.removeprefix(UNIX)
    if not path.startswith("/") or not path.isprintable():
        raise ValueError(f"{url!r} is not {UNIX}/path/of/a/socket")
    return Replica(path, None)


def _read_url(url: str) -> Replica:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"{url!r} is not a URL") from None
    is_plain = parts.path in {"", "/"} and not (parts.query or parts.fragment or parts.username) and url.isprintable()
    if parts.scheme not in _PORTS or not host or port == 0 or " " in url or not is_plain:
        raise ValueError(f"{url!r} is not http://host:port or https://host:port")
    if not is_name(host):
        raise ValueError(f"{host!r} is no name of a host: each part between dots has 1 to 63 characters")
    return Replica(host, port or _PORTS[parts.scheme], parts.scheme == "https")


def _read_authorities(file: str | None) -> str | None:
    """Return the certificates in a file, in PEM."""
    if file is None:
        return None
    try:
        text = Path(file).read_text(encoding="ascii", errors="ignore")  # comments may be in any language
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (OSError, ValueError):
        raise ValueError(f"{file!r} can't be read as certificates in PEM") from None
    return text


Method: TypeAlias = Annotated[
    str, AfterValidator(_check_method), WithJsonSchema({"type": "string", "pattern": f"^(?:{OTHER_METHOD})$"})
]
USUAL_METHODS: list[str] = [method for method in get_args(UsualMethod) if method in FORWARDED_METHODS]
Methods: TypeAlias = Method | Annotated[list[Method], Field(min_length=1)]
Address: TypeAlias = Annotated[Replica, PlainValidator(_read_address)]
PathMatcher: TypeAlias = Annotated[Matcher, PlainValidator(partial(_compile, compile_matcher))]
PathMatchers: TypeAlias = Annotated[list[PathMatcher], BeforeValidator(as_list, json_schema_input_type=Texts)]
HostName: TypeAlias = Annotated[
    str, AfterValidator(_check_host), WithJsonSchema({"type": "string", "pattern": f"^{HOST_NAME}$"})
]
HostNames: TypeAlias = Annotated[list[HostName], BeforeValidator(as_list, json_schema_input_type=Texts)]
Regex: TypeAlias = Annotated[DFA, PlainValidator(partial(_compile, compile_regex), json_schema_input_type=Text)]


class UpstreamTable(PassingTable):
    """A service behind the gateway."""

    address: Annotated[list[Address], BeforeValidator(as_list, json_schema_input_type=Texts)]
    """`http://host:port`, `https://host:port`, `unix:/path/of/a/socket`, a setting as `${NAME}`; several are its
    replicas."""
    session_cookies: bool = False
    """true for the service that signs people in: it gets NextAuth's cookies, which no other ever sees, and where a rule
    is public it keeps the sessions in them fresh itself."""
    connect_within: Seconds | None = None
    """The seconds that a connection to it may take; 1 if left out. Then another replica is tried, or 503."""
    answer_within: Seconds | None = None
    """The seconds that it has to begin an answer; 30 if left out. Then 504."""
    silence: Seconds | None = None
    """The seconds for which an answer that has begun, or a WebSocket, may say nothing; 60 and 300 if left out."""
    idle: Seconds | None = None
    """The seconds for which an unused connection to it is kept, fewer than it keeps one itself; 1.5 if left out."""
    connections: Count | None = None
    """How many requests it gets at once; 256 if left out. What lasts, such as an event stream, counts apart."""
    authorities: Annotated[str | None, AfterValidator(_read_authorities), Field(alias="ca_file")] = None
    """A file of certificates in PEM: by these authorities alone an https address is verified, in place of those that
    the machine knows."""

    @model_validator(mode="after")
    def _check_words(self) -> Self:
        if self.authorities is not None and not any(address.is_tls for address in self.address):
            raise ValueError("ca_file needs an address that begins with https")
        return self

    def to_upstream(self, name: str) -> Upstream:
        """Return the value."""
        words = {word: value for word, value in dict(self).items() if word not in PassingTable.model_fields}
        return Upstream(name, tuple(words.pop("address")), **words)


class ConditionTable(Table):
    """A part of a request that is there, with a value that matches if one is given."""

    type: Annotated[Source, Field(strict=False)]
    key: Text | None = None
    """The name of a header, cookie or query parameter; none for the host."""
    value: Regex | None = None
    """A JavaScript regular expression that the whole value must match; any value but an empty one if left out."""

    @model_validator(mode="after")
    def _check_words(self) -> Self:
        if self.type is Source.HOST and (self.key or not self.value):
            raise ValueError("a host has a value and no key")
        if self.type is not Source.HOST and not self.key:
            raise ValueError(f"a {self.type} has a key")
        return self

    def to_condition(self) -> Condition:
        """Return the value."""
        key = self.key or ""
        return Condition(self.type, key.lower() if self.type is Source.HEADER else key, self.value)


class RuleTable(PassingTable):
    """Which requests, who may pass, and where they go. The first rule that fits decides."""

    matchers: Annotated[PathMatchers, Field(alias="matcher")]
    """Which paths, in Next.js' syntax. One trailing slash more is tolerated, nothing else is."""
    access: Annotated[Access, Field(strict=False)]
    """`public`: everyone passes. `protected`: anonymous callers get 401. `page`: anonymous browsers get the sign-in
    page, and land on the page they wanted once signed in."""
    upstream: Text
    """A name from `[upstreams]`, or `gateway` for what the gateway answers itself."""
    methods: Annotated[list[Method], BeforeValidator(as_list, json_schema_input_type=Methods)] = USUAL_METHODS
    """Which methods: GET, POST, PROPFIND, ... HEAD goes where GET goes; the gateway answers OPTIONS itself unless it is
    named. Others than the usual ones are accepted only where a rule names them; never CONNECT and TRACE."""
    has: list[ConditionTable] = Field(default_factory=list)
    """The rule applies only where all of these hold; else the next rule is asked."""
    missing: list[ConditionTable] = Field(default_factory=list)
    """The rule applies only where none of these holds; else the next rule is asked."""
    paths: Annotated[Paths, Field(strict=False)] = Paths.STRICT
    """Which spellings of paths pass beside the canonical one. `encoded`: with `%23 %25 %3B %3F` and raw `[ ] ^ |`, for
    an upstream that decodes once. `raw`: also with `%2F` and empty segments, byte for byte; only where each matcher
    begins with a literal segment. Such a spelling passes only if every way to read it leads to the same rule."""
    max_body: Count = rules.DEFAULT_MAX_BODY
    """The longest request body, in bytes; 1 MiB if left out."""
    websocket: bool = False
    """true opens the paths to WebSockets too; else a request for one gets 403."""
    role: Text | None = None
    """A role that the access token must name; else 403."""
    max_auth_age: Count | None = None
    """Seconds since signing in; a caller who signed in longer ago is asked to do so again."""
    anonymous_forms: bool = False
    """true on a page: a form of ours that is sent after the session has ended passes without credentials, so that the
    service can show it again with what was typed; else 401, and the text is lost. Only for services that check for
    themselves who is signed in, and not beside role or max_auth_age."""
    hosts: HostNames = Field(default_factory=list)
    """Which hosts the rule is about, by their names without a port; all that are served if left out. Another host is
    another site: what one rule says of it says nothing of the rest."""
    cors: Annotated[CorsTable, BeforeValidator(as_cors, json_schema_input_type=Texts | CorsTable)] | None = None
    """The origins whose pages may read the answers, or `"*"` for everybody; or a table of `origins` and more."""

    def to_rule(self, line: int, defaults: PassingTable | None) -> Rule:
        """Return the value; ``defaults`` are its upstream's. HEAD comes with GET."""
        values = {
            "hosts": frozenset(self.hosts),
            "cors": self.cors and self.cors.to_cors(),
            "matchers": tuple(self.matchers),
            "methods": frozenset({*self.methods, "HEAD"} if "GET" in self.methods else self.methods),
            "has": frozenset(condition.to_condition() for condition in self.has),
            "missing": frozenset(condition.to_condition() for condition in self.missing),
        }
        own = {name: value for name, value in self if name not in PassingTable.model_fields}
        return Rule(line=line, **(own | values | self.choose_words(defaults)))


class PolicyFile(Table):
    """What may pass Gatepost's gateway, who may pass, and where it goes."""

    upstreams: dict[
        Annotated[str, AfterValidator(_refuse_own_name)],
        Annotated[UpstreamTable, BeforeValidator(_as_table, json_schema_input_type=Texts | UpstreamTable)],
    ]
    """The services behind the gateway by name: an address, several, or a table of address and more."""
    rules: Annotated[list[RuleTable], Field(alias="rule", min_length=1)]
    """The rules, in their order."""


def render_schema() -> str:
    """Return the JSON schema of a policy file, as it is written."""
    return json.dumps(_tidy(PolicyFile.model_json_schema()), indent=2) + "\n"


def _tidy(schema: object) -> object:
    """Leave out null, which TOML does not have, and join the lines of descriptions."""
    if isinstance(schema, list):
        return [_tidy(each) for each in schema]
    if not isinstance(schema, dict):
        return schema.replace("\n", " ") if isinstance(schema, str) else schema
    match schema:
        case {"anyOf": [*choices, {"type": "null"}], "default": None, **rest}:
            schema = {**(choices[0] if len(choices) == 1 else {"anyOf": choices}), **rest}
        case {"default": None, **rest}:
            schema = rest
    return {word: _tidy(value) for word, value in schema.items()}


if __name__ == "__main__":
    FILE.write_text(render_schema())
