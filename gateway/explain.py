"""What the gateway would do with a request, and why. Nothing is sent.

    python -m gateway.explain GET /userposts/1
    python -m gateway.explain /userposts/1 --token TOKEN
    python -m gateway.explain POST http://localhost:3000/userposts --cookie VALUE --header "Sec-Fetch-Site: same-origin"
    python -m gateway.explain --rules FILE                 checks a policy file

    python -m gateway.explain --diff OLD.toml NEW.toml     what a change of the policy changes
    python -m gateway.explain --prove promises.toml        whether the policy keeps promises
    python -m gateway.explain --nextjs middleware.ts       what a Next.js project guards, and the policy leaves open
    python -m gateway.explain --coverage openapi.json      which rule decides each operation of an API

The last four are about all requests there are (``proving``); --rules names the policy, --json prints all that is known.
Exit status: 0 it passes (the file is good, nothing changes, all holds), 1 it does not or that is undecided, 2 the call
or a file is wrong.
Without settings in the environment, the default addresses are shown, any host counts as served, and no credential can
be checked. The Host is the URL's, or else the public one, unless a header gives it.
The target is taken as written: percent-encoding is up to the caller, as in a request.
"""

import argparse
import re
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pydantic import SecretStr

from gateway.callers.credentials import Credentials
from gateway.gate import Gate
from gateway.judgement_text import describe_judgement
from gateway.messages.raw_headers import RawHeader
from gateway.messages.request_heads import RequestHead, RequestHeads, read_line
from gateway.policy.decision import RedirectToSignIn, Refuse
from gateway.policy.file import load_policy
from gateway.policy.in_force import CurrentPolicy
from gateway.policy.methods import REGISTERED
from gateway.policy.reach import STYLE, lacks_style, list_without_token
from gateway.policy.remarks import list_remarks
from gateway.policy.rules import Policy, PolicyInvalid
from gateway.settings import DEFAULT_RULES, GatewaySettings
from gateway.wire.limits import Limits
from shared.auth_events.revocations import Revocations
from shared.language.visible_text import make_visible
from shared.settings import DEVELOPMENT_URL, SAMPLE_SECRETS, SettingsInvalid, load_settings
from shared.tokens.authentication import Anonymous, Reason

PASSES, REFUSED, WRONG = 0, 1, 2
_ORIGIN = re.compile(r"https?://([^/?#]*)", re.IGNORECASE)


QUESTIONS = {
    # What can be asked about all requests there are: the files that it takes, and what the answer says.
    "diff": (("OLD", "NEW"), "what a change of the policy changes"),
    "prove": (("PROMISES",), "whether the policy keeps the promises of a file"),
    "nextjs": (("FILE",), "what of a Next.js project's matcher the policy leaves open"),
    "coverage": (("OPENAPI",), "which rule decides each operation of an OpenAPI document"),
}


class Question(NamedTuple):
    """One of ``QUESTIONS``, its files, and how the answer is to be written: ``text``, ``json`` or ``markdown``."""

    name: str
    files: tuple[Path, ...]
    form: str


@dataclass(frozen=True, slots=True)
class Call:
    """What the command line asks. ``target`` None: only check the policy, or answer the question about it."""

    method: str
    target: str | None
    headers: tuple[str, ...]
    token: str | None
    cookie: str | None
    rules: Path | None
    question: Question | None


def main(arguments: Sequence[str]) -> int:
    """Explain, print, and return the exit status."""
    call = read_call(arguments)
    try:
        settings = load_settings(GatewaySettings)
    except SettingsInvalid as error:
        if call.token or call.cookie:
            return _complain(f"a credential can't be checked without the settings: {error}")
        settings = None
    if call.question is not None:
        from gateway.proving.command import answer  # noqa: PLC0415 - most calls don't need it

        return answer(call.question, call.rules, settings or _without_settings())
    try:
        lines, status = explain(call, settings, int(time.time()))
    except PolicyInvalid as error:
        return _complain(str(error))
    sys.stdout.write("".join(f"{make_visible(line)}\n" for line in lines))
    return status


def read_call(arguments: Sequence[str]) -> Call:
    """Return what the command line asks; SystemExit 2 with the usage where it makes no sense."""
    parser = argparse.ArgumentParser(
        prog="python -m gateway.explain",
        description="What the gateway would do, and why.",
        epilog="Exit status: 0 it passes, the file is good, nothing changes, or all holds; 1 it does not, or that is"
        " undecided; 2 the call or a file is wrong.",
    )
    parser.add_argument(
        "request", nargs="*", metavar="METHOD TARGET", help="a path or URL; GET unless a method is given"
    )
    parser.add_argument("--token", help="an access token")
    parser.add_argument("--cookie", help="the value of the session cookie")
    parser.add_argument("--header", action="append", default=[], help="another header, as Name: value")
    parser.add_argument("--rules", type=Path, help="the policy file; alone: check it")
    questions = parser.add_argument_group("about all requests").add_mutually_exclusive_group()
    for name, (files, says) in QUESTIONS.items():
        questions.add_argument(f"--{name}", nargs=len(files), type=Path, metavar=files, help=says)
    forms = parser.add_mutually_exclusive_group()
    for form, says in (("json", "the answer as JSON"), ("markdown", "a diff as a comment on a pull request")):
        forms.add_argument(f"--{form}", dest="form", action="store_const", const=form, help=says)
    return _check_call(parser, parser.parse_args(arguments))


def _check_call(parser: argparse.ArgumentParser, parsed: argparse.Namespace) -> Call:
    words: list[str] = parsed.request
    asked = [(name, getattr(parsed, name)) for name in QUESTIONS if getattr(parsed, name)]
    if len(words) > 2 or not (words or parsed.rules or asked) or not all(":" in header for header in parsed.header):  # noqa: PLR2004
        parser.error("expected [METHOD] TARGET, --rules FILE, or a question about all requests")
    is_diff = asked[:1] == [("diff", parsed.diff)]
    if (asked and words) or (parsed.form and not asked) or (parsed.form == "markdown" and not is_diff):
        parser.error("a question stands alone, and --markdown goes with --diff")
    if is_diff and parsed.rules:
        parser.error("--diff names both policies itself")
    method, target = ["GET", *words][-2:] if words else ("GET", None)
    question = next((Question(name, tuple(files), parsed.form or "text") for name, files in asked), None)
    return Call(method, target, tuple(parsed.header), parsed.token, parsed.cookie, parsed.rules, question)


def explain(call: Call, settings: GatewaySettings | None, now: int) -> tuple[list[str], int]:
    """Return the lines to print and the exit status; raises PolicyInvalid when the policy can't be used."""
    file = call.rules or (settings.gateway_rules if settings else DEFAULT_RULES)
    usual = settings or _without_settings()
    served = settings.host_names if settings else None
    current = CurrentPolicy(lambda: load_policy(file, usual.rule_variables(), served), Limits())
    if call.target is None:
        return [f"{file}: {len(current.policy.rules)} rules, no fault", *_list_remarks(current.policy)], PASSES
    credentials = Credentials.of(usual, Revocations())
    dropped: list[str] = []
    head = read_head(call, credentials, settings, dropped.append)
    gate = Gate(current, credentials)
    judgement = gate.judge(head, now)
    lines = [f"{call.method} {call.target}", *describe_judgement(current.policy, head, judgement, now)]
    lines += [f"header    {name} is dropped: a name with an underscore never passes" for name in dropped]
    if judgement.caller == Anonymous(Reason.OTHER_SITE):
        lines.append("cookie    does not count: neither Sec-Fetch-Site nor Origin says that a page of ours asks")
    is_refused = isinstance(judgement.decision, RedirectToSignIn | Refuse) and not judgement.stale
    return lines, REFUSED if is_refused else PASSES


def read_head(
    call: Call, credentials: Credentials, settings: GatewaySettings | None, tell_dropped: Callable[[str], None]
) -> RequestHead:
    """Return the head of the request that the command line asks about, as the gateway would read it."""
    path, query = split_target(call.target or "")
    headers = _list_headers(call, credentials)
    hosts = settings.hosts if settings else {value.lower() for name, value in headers if name == b"host"}
    return RequestHeads(hosts, tell_dropped).describe(read_line(call.method, path, query), headers)


def split_target(target: str) -> tuple[bytes, bytes]:
    """Return the path and query of a path or URL, as bytes; a fragment is never sent."""
    origin = _ORIGIN.match(target)
    if origin:
        rest = target[origin.end() :].partition("#")[0]
        target = rest if rest.startswith("/") else "/" + rest
    path, _, query = target.encode("utf-8", "surrogateescape").partition(b"?")
    return path, query


def _list_remarks(policy: Policy) -> list[str]:
    """Return remarks on what is valid, but perhaps not meant."""
    has_sign_in = any(upstream.session_cookies for upstream in policy.upstreams)
    remarks = [] if has_sign_in else ["no upstream has session_cookies: nobody signs in here with a browser"]
    for rule in policy.rules:
        odd = sorted(rule.methods - REGISTERED)
        remarks += [f"line {rule.line}: {' '.join(odd)}: no method that is registered"] if odd else []
    anonymous = 'gets no access token, and takes everybody for anonymous: authorization = "token" is missing'
    remarks += [f"{name} {anonymous}" for name in list_without_token(policy)]
    remarks += [f"no rule reaches {STYLE}: the pages have no look"] if lacks_style(policy) else []
    return [*remarks, *list_remarks(policy)]


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
    return GatewaySettings.model_construct(None, nextauth_url=DEVELOPMENT_URL, **keys)


def _complain(reason: str) -> int:
    sys.stderr.write(f"{make_visible(reason)}\n")
    return WRONG


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
