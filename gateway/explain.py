"""What the gateway would do with a request, and why. Nothing is sent.

    python -m gateway.explain GET /userposts/1
    python -m gateway.explain /userposts/1 --token TOKEN
    python -m gateway.explain POST http://localhost:3000/userposts --cookie VALUE --header "Sec-Fetch-Site: same-origin"
    python -m gateway.explain --rules FILE

The last one checks a policy file. Exit status: 0 it passes (the file is good), 1 it does not, 2 the call or the policy
is wrong. Without settings in the environment, the default addresses are shown, any host counts as served, and no
credential can be checked. The Host is that of the URL, or else the public one, unless a header says it.
The target is taken as it is written: percent-encoding is the caller's, as in a request.
"""

import argparse
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.callers.credentials import Credentials
from gateway.callers.same_origin import is_same_origin
from gateway.policy.canonical_paths import PathRefused, canonicalize_path, check_query
from gateway.policy.decision import (
    AnswerOptions,
    Decision,
    Forward,
    RawHeaders,
    RedirectToSignIn,
    Refuse,
    RequestFacts,
    Verdict,
    decide,
    judge_rule,
)
from gateway.policy.file import load_policy
from gateway.policy.rules import METHODS, OWN_UPSTREAM, PROBES, Policy, PolicyInvalid, Rule
from gateway.settings import DEFAULT_RULES, GatewaySettings
from gateway.wire.headers import read_request_headers
from gateway.wire.websocket import find_key
from shared.authentication import Anonymous, Caller, Reason
from shared.errors import AppError, MethodNotAllowed
from shared.revocations import Revocations
from shared.settings import SettingsInvalid, load_settings
from shared.visible_text import make_visible

PASSES, REFUSED, WRONG = 0, 1, 2

_PROBING = ("GET", "HEAD", "OPTIONS")
_ORIGIN = re.compile(r"https?://([^/?#]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Call:
    """What the command line asks. ``target`` None: only check the policy."""

    method: str
    target: str | None
    headers: tuple[str, ...]
    token: str | None
    cookie: str | None
    rules: Path | None


def main(arguments: Sequence[str]) -> int:
    """Explain, print, and return the exit status."""
    call = read_call(arguments)
    try:
        settings = load_settings(GatewaySettings)
    except SettingsInvalid as error:
        if call.token or call.cookie:
            return _complain(f"a credential can't be checked without the settings: {error}")
        settings = None
    try:
        lines, status = explain(call, settings, int(time.time()))
    except PolicyInvalid as fault:
        return _complain(str(fault))
    sys.stdout.write("".join(f"{make_visible(line)}\n" for line in lines))
    return status


def read_call(arguments: Sequence[str]) -> Call:
    """Return what the command line asks; SystemExit 2 with the usage when it makes no sense."""
    parser = argparse.ArgumentParser(
        prog="python -m gateway.explain", description="What the gateway would do, and why."
    )
    parser.add_argument(
        "request", nargs="*", metavar="METHOD TARGET", help="a path or URL; GET unless a method is given"
    )
    parser.add_argument("--token", help="an access token")
    parser.add_argument("--cookie", help="the value of the session cookie")
    parser.add_argument("--header", action="append", default=[], help="another header, as Name: value")
    parser.add_argument("--rules", type=Path, help="the policy file; alone: check it")
    found = parser.parse_args(arguments)
    words: list[str] = found.request
    if len(words) > 2 or not (words or found.rules) or not all(":" in header for header in found.header):  # noqa: PLR2004
        parser.error("expected [METHOD] TARGET, or --rules FILE")
    method, target = ["GET", *words][-2:] if words else ("GET", None)
    return Call(method, target, tuple(found.header), found.token, found.cookie, found.rules)


def explain(call: Call, settings: GatewaySettings | None, now: int) -> tuple[list[str], int]:
    """Return the lines to print and the exit status; PolicyInvalid when the policy is no good."""
    file = call.rules or (settings.gateway_rules if settings else DEFAULT_RULES)
    # Without settings, only the addresses matter here, and these have defaults.
    usual = settings or GatewaySettings.model_construct()
    policy = load_policy(file, usual.rule_variables())
    if call.target is None:
        return [f"{file}: {len(policy.rules)} rules, no fault"], PASSES
    first = f"{call.method} {call.target}"
    raw_path, query = split_target(call.target)
    if raw_path.decode("latin-1") in PROBES:
        fault = None if call.method in _PROBING else Refuse(MethodNotAllowed(", ".join(_PROBING)))
        says = describe_decision(fault) if fault else "passes: the gateway tells its own state, before any rule"
        return [first, f"decision  {says}", "sent      nothing"], REFUSED if fault else PASSES
    credentials = Credentials.of(settings, Revocations()) if settings else None
    headers = _raw_headers(call, credentials, usual.nextauth_url)
    try:
        _check_head(call.method, headers, settings)
        path, query = canonicalize_path(raw_path), check_query(query)
    except PathRefused as refusal:
        return [first, f"path      refused: {refusal.reason}", "decision  400"], REFUSED
    except AppError as error:
        return [first, f"decision  {describe_decision(Refuse(error))}", "sent      nothing"], REFUSED
    caller = credentials.find_caller(call.method, headers, now) if credentials else Anonymous(Reason.MISSING)
    is_ours = is_same_origin(call.method, headers, usual.nextauth_url)
    request = RequestFacts(call.method, path, query, headers, now, is_ours)
    decision = _mind_websocket(decide(policy, request, caller), request)
    lines = [
        first,
        f"path      {path.text}",
        f"caller    {describe_caller(caller)}",
        *describe_rules(policy, request),
        f"decision  {describe_decision(decision)}",
        f"sent      {describe_sent(policy, request, decision)}",
    ]
    return lines, PASSES if isinstance(decision, Forward | AnswerOptions) else REFUSED


def split_target(target: str) -> tuple[bytes, bytes]:
    """Return the path and query of a path or URL, as bytes; a fragment is never sent."""
    origin = _ORIGIN.match(target)
    if origin:
        rest = target[origin.end() :].partition("#")[0]
        target = rest if rest.startswith("/") else "/" + rest
    path, _, query = target.encode("utf-8", "surrogateescape").partition(b"?")
    return path, query


def describe_caller(caller: Caller) -> str:
    """Return who the caller is, or why that is not known."""
    if isinstance(caller, Anonymous):
        return f"anonymous ({caller.reason})"
    roles = f", {' '.join(caller.claims.roles)}" if caller.claims.roles else ""
    return f"user {caller.claims.user_id}, {caller.claims.email}{roles}"


def describe_rules(policy: Policy, request: RequestFacts) -> Iterator[str]:
    """Return one line for each rule: what it says, or that it is not asked any more."""
    decided = policy.is_never_routed(request.path.text)
    if decided:
        yield "rules     none is asked: this path is never routed"
        return
    for rule in policy.rules:
        says = "not asked" if decided else judge_rule(rule, request).value
        decided = decided or says == Verdict.FITS
        matchers = " ".join(matcher.source for matcher in rule.matchers)
        yield f"line {rule.line:<4} {'->' if says == Verdict.FITS else '  '} {matchers}: {says}"


def describe_decision(decision: Decision) -> str:
    """Return the decision and the rule that made it."""
    match decision:
        case Forward(rule, _):
            return f"passes ({_name(rule)})"
        case RedirectToSignIn(rule, location, _):
            return f"302 to {location} ({_name(rule)})"
        case AnswerOptions(allow):
            return f"204, Allow: {allow}"
        case Refuse(error, rule):
            allow = f", Allow: {error.headers['Allow']}" if "Allow" in error.headers else ""
            return f"{error.status} {error.message}{allow} ({_name(rule) if rule else 'no rule decides'})"


def describe_sent(policy: Policy, request: RequestFacts, decision: Decision) -> str:
    """Return the request that the upstream would get, or that it would get none."""
    if not isinstance(decision, Forward):
        return "nothing"
    if decision.rule.upstream == OWN_UPSTREAM:
        return "nothing: the gateway answers it itself"
    query = f"?{request.query.decode('ascii')}" if request.query else ""
    addresses = " or ".join(
        str(replica)
        for upstream in policy.upstreams
        if upstream.name == decision.rule.upstream
        for replica in upstream.replicas
    )
    token = "with the access token" if decision.user else "without credentials"
    return (
        f"{request.method} {request.path.raw.decode('ascii')}{query} to {decision.rule.upstream}, {addresses}, {token}"
    )


def _name(rule: Rule) -> str:
    asked = [rule.access.value]
    asked += [f"role {rule.role}"] if rule.role is not None else []
    asked += [f"signed in within {rule.max_auth_age} s"] if rule.max_auth_age is not None else []
    return f"line {rule.line}, {', '.join(asked)}"


def _check_head(method: str, headers: RawHeaders, settings: GatewaySettings | None) -> None:
    """Raise the AppError with which the gate refuses a head before it decides anything."""
    served = settings.hosts if settings else {value.lower() for name, value in headers if name == b"host"}
    read_request_headers(headers, served)
    if method not in METHODS:
        raise MethodNotAllowed(", ".join(sorted(METHODS)))


def _mind_websocket(decision: Decision, request: RequestFacts) -> Decision:
    """Return the refusal of a WebSocket that the deciding rule does not open, or else the decision."""
    if not isinstance(decision, Forward) or decision.rule.upstream == OWN_UPSTREAM:
        return decision
    try:
        find_key(decision.rule, request.method, "1.1", request.headers)
    except AppError as error:
        return Refuse(error, decision.rule)
    return decision


def _raw_headers(call: Call, credentials: Credentials | None, public_url: str) -> RawHeaders:
    lines = [(name.strip().lower(), value.strip()) for name, _, value in (text.partition(":") for text in call.headers)]
    if not any(name == "host" for name, _ in lines):
        origin = _ORIGIN.match(call.target or "") or _ORIGIN.match(public_url)
        lines.insert(0, ("host", origin.group(1) if origin else ""))
    if call.token:
        lines.append(("authorization", f"Bearer {call.token}"))
    if call.cookie and credentials:
        lines.append(("cookie", f"{credentials.cookie_names.session}={call.cookie}"))
    return tuple((name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in lines)


def _complain(reason: str) -> int:
    sys.stderr.write(f"{make_visible(str(reason))}\n")
    return WRONG


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
