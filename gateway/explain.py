"""What the gateway would do with a request, and why. Nothing is sent.

    python -m gateway.explain GET /userposts/1
    python -m gateway.explain /userposts/1 --token TOKEN
    python -m gateway.explain POST http://localhost:3000/userposts --cookie VALUE --header "Sec-Fetch-Site: same-origin"
    python -m gateway.explain --rules FILE

The last one checks a policy file. Exit status: 0 it passes (the file is good), 1 it does not, 2 the call or the policy
is wrong. Without settings in the environment, the default addresses are shown, any host counts as served, and no
credential can be checked. The Host is the URL's, or else the public one, unless a header gives it.
The target is taken as written: percent-encoding is up to the caller, as in a request.
"""

import argparse
import re
import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from gateway.callers.credentials import Credentials
from gateway.callers.same_origin import is_same_origin
from gateway.gate import Gate, Judgement, TellState
from gateway.policy.decision import (
    AnswerOptions,
    Decision,
    Forward,
    RedirectToSignIn,
    Refuse,
    RequestFacts,
    Verdict,
    judge_rule,
)
from gateway.policy.file import load_policy
from gateway.policy.in_force import CurrentPolicy
from gateway.policy.rules import Policy, PolicyInvalid, Rule
from gateway.settings import DEFAULT_RULES, GatewaySettings
from gateway.wire.headers import RawHeader
from gateway.wire.limits import Limits
from gateway.wire.request_heads import RequestHead, RequestHeads, read_line
from shared.auth_events.revocations import Revocations
from shared.language.visible_text import make_visible
from shared.settings import SAMPLE_SECRETS, SettingsInvalid, load_settings
from shared.tokens.authentication import Anonymous, Caller, Reason
from shared.tokens.protocol import PROTOCOLS

PASSES, REFUSED, WRONG = 0, 1, 2
_NEXTAUTH = re.compile("|".join(rf"\b{each.cookies}\." for each in PROTOCOLS.values()).encode())
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
    except PolicyInvalid as error:
        return _complain(str(error))
    sys.stdout.write("".join(f"{make_visible(line)}\n" for line in lines))
    return status


def read_call(arguments: Sequence[str]) -> Call:
    """Return what the command line asks; SystemExit 2 with the usage where it makes no sense."""
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
    parsed = parser.parse_args(arguments)
    words: list[str] = parsed.request
    if len(words) > 2 or not (words or parsed.rules) or not all(":" in header for header in parsed.header):  # noqa: PLR2004
        parser.error("expected [METHOD] TARGET, or --rules FILE")
    method, target = ["GET", *words][-2:] if words else ("GET", None)
    return Call(method, target, tuple(parsed.header), parsed.token, parsed.cookie, parsed.rules)


def explain(call: Call, settings: GatewaySettings | None, now: int) -> tuple[list[str], int]:
    """Return the lines to print and the exit status; raises PolicyInvalid when the policy can't be used."""
    file = call.rules or (settings.gateway_rules if settings else DEFAULT_RULES)
    usual = settings or _without_settings()
    current = CurrentPolicy(lambda: load_policy(file, usual.rule_variables()), Limits())
    if call.target is None:
        return [f"{file}: {len(current.policy.rules)} rules, no fault", *_list_remarks(current.policy)], PASSES
    credentials = Credentials.of(usual, Revocations())
    head = read_head(call, credentials, settings)
    judgement = Gate(current, credentials).judge(head, now)
    lines = [f"{call.method} {call.target}", *describe_judgement(current.policy, head, judgement, now)]
    if _is_cookie_ignored(head, judgement, credentials):
        lines.append("cookie    does not count: neither Sec-Fetch-Site nor Origin says that a page of ours asks")
    is_refused = isinstance(judgement.decision, RedirectToSignIn | Refuse) and not judgement.stale
    return lines, REFUSED if is_refused else PASSES


def read_head(call: Call, credentials: Credentials, settings: GatewaySettings | None) -> RequestHead:
    """Return the head of the request that the command line asks about, as the gateway would read it."""
    path, query = split_target(call.target or "")
    headers = _list_headers(call, credentials)
    hosts = settings.hosts if settings else {value.lower() for name, value in headers if name == b"host"}
    return RequestHeads(hosts).describe(read_line(call.method, path, query), headers)


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


def describe_judgement(policy: Policy, head: RequestHead, judgement: Judgement, now: int) -> Iterator[str]:
    """Yield one or more lines for each part of a judgement."""
    line = head.line
    yield f"path      {judgement.path}" if line.path else f"request   refused: {line.refusal}"
    yield f"caller    {describe_caller(judgement.caller)}"
    if line.path is not None and head.refusal is None:
        yield from describe_rules(policy, RequestFacts(line.method, line.path, line.query, head.headers.raw, now))
    if judgement.stale is not None:
        yield "renewal   the session's token has run out: the auth service is asked for a fresh one first, and with it"
        yield "          the request is judged again; what follows is what happens if that session is over"
    yield f"decision  {describe_decision(judgement.decision)}"
    yield f"sent      {describe_sent(head, judgement.decision)}"


def describe_rules(policy: Policy, request: RequestFacts) -> Iterator[str]:
    """Yield one line for each rule: its verdict, or that it is no longer asked."""
    decided = policy.is_never_routed(request.path.text)
    if decided:
        yield "rules     none is asked: this path is never routed"
        return
    for rule in policy.rules:
        says = "not asked" if decided else judge_rule(rule, request).value
        decided = decided or says == Verdict.FITS
        matchers = " ".join(matcher.source for matcher in rule.matchers)
        yield f"line {rule.line:<4} {'->' if says == Verdict.FITS else '  '} {matchers}: {says}"


def describe_decision(decision: Decision | TellState) -> str:
    """Return the decision and the rule that made it."""
    match decision:
        case TellState():
            return "passes: the gateway tells its own state, before any rule"
        case Forward(rule):
            return f"passes ({_name(rule)})"
        case RedirectToSignIn(rule, location):
            return f"302 to {location} ({_name(rule)})"
        case AnswerOptions(allow):
            return f"204, Allow: {allow}"
        case Refuse(error, rule):
            allow = f", Allow: {error.headers['Allow']}" if "Allow" in error.headers else ""
            return f"{error.status} {error.message}{allow} ({_name(rule) if rule else 'no rule decides'})"


def describe_sent(head: RequestHead, decision: Decision | TellState) -> str:
    """Return the request that the upstream would get, if any."""
    if isinstance(decision, TellState) or (isinstance(decision, Forward) and decision.upstream is None):
        return "nothing: the gateway answers it itself"
    if not isinstance(decision, Forward) or decision.upstream is None or head.line.path is None:
        return "nothing"
    line, upstream = head.line, decision.upstream
    has_cookies = upstream.session_cookies and any(_NEXTAUTH.search(value) for _, value in head.headers.raw)
    own = ["its Authorization header as it came"] * bool(decision.list_own_credentials(head.headers.raw))
    sent = " and ".join(["the access token"] * bool(decision.user) + own + ["NextAuth's cookies"] * has_cookies)
    credentials = f"with {sent}" if sent else "without credentials"
    target = head.line.path.raw.decode("ascii") + (f"?{line.query.decode('ascii')}" if line.query else "")
    return f"{line.method} {target} to {upstream.name}, {' or '.join(map(str, upstream.replicas))}, {credentials}"


def _list_remarks(policy: Policy) -> list[str]:
    """Return remarks on what is valid, but perhaps not meant."""
    has_sign_in = any(upstream.session_cookies for upstream in policy.upstreams)
    return [] if has_sign_in else ["no upstream has session_cookies: nobody signs in here with a browser"]


def _is_cookie_ignored(head: RequestHead, judgement: Judgement, credentials: Credentials) -> bool:
    """Tell whether the caller is anonymous only because another site could have made the browser send its cookie."""
    headers, ours = head.headers.raw, credentials.cookie_names.session.encode()
    is_there = any(name == b"cookie" and ours in value for name, value in headers)
    is_missing = is_there and judgement.caller == Anonymous(Reason.MISSING)
    return is_missing and not is_same_origin(head.line.method, headers, credentials.public_url)


def _name(rule: Rule) -> str:
    demands = [rule.access.value]
    demands += [f"role {rule.role}"] if rule.role is not None else []
    demands += [f"signed in within {rule.max_auth_age} s"] if rule.max_auth_age is not None else []
    return f"line {rule.line}, {', '.join(demands)}"


def _list_headers(call: Call, credentials: Credentials) -> list[RawHeader]:
    lines = [(name.strip().lower(), value.strip()) for name, _, value in (text.partition(":") for text in call.headers)]
    if not any(name == "host" for name, _ in lines):
        origin = _ORIGIN.match(call.target or "") or _ORIGIN.match(credentials.public_url)
        lines.insert(0, ("host", origin.group(1) if origin else ""))
    if call.token:
        lines.append(("authorization", f"Bearer {call.token}"))
    if call.cookie:
        lines.append(("cookie", f"{credentials.cookie_names.session}={call.cookie}"))
    return [(name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in lines]


def _without_settings() -> GatewaySettings:
    """Return the defaults, with keys that open nothing."""
    keys = {name: SecretStr(secrets.token_hex()) for name in map(str.lower, SAMPLE_SECRETS)}
    return GatewaySettings.model_construct(None, **keys)


def _complain(reason: str) -> int:
    sys.stderr.write(f"{make_visible(reason)}\n")
    return WRONG


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
