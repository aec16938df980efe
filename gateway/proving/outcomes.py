"""What becomes of a request, as far as anybody can tell: two decisions with the same outcome are the same to the world.

Which rule and which matcher decided is no part of it, but for logs. All else of a decision is: the upstream with its
addresses, whether the caller's token goes along, every status and header of an answer.
"""

from collections.abc import Iterator
from typing import NamedTuple

from gateway.messages.raw_headers import write_name
from gateway.policy.cors import Cors, describe_cors
from gateway.policy.decision import AGAIN, AnswerOptions, Decision, Forward, RedirectToSignIn, Refuse
from gateway.policy.rules import Authorization, Cookies, Paths, Rule
from gateway.policy.upstreams import Upstream
from shared.tokens.authentication import User


class Outcome(NamedTuple):
    """What becomes of a request. ``status`` is None where it passes: then ``upstream`` gets it, or the gateway (None).

    ``has_token``: with the caller's access token; ``further``: what else goes along, in words. ``is_private``: the
    answer is for this caller alone, so that no cache may keep it for others. ``cors``: whose pages may read the answer.
    """

    status: int | None
    upstream: Upstream | None = None
    has_token: bool = False
    is_private: bool = False
    is_websocket: bool = False
    further: tuple[str, ...] = ()
    message: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    cors: Cors | None = None

    @property
    def passes(self) -> bool:
        """Whether an upstream, or a page of the gateway's own, gets the request."""
        return self.status is None

    @property
    def where(self) -> str:
        """Where the request goes, if it passes."""
        return self.upstream.name if self.upstream else "gateway"


def outcome_of(decision: Decision) -> Outcome:
    """Return the outcome of a decision."""
    match decision:
        case Forward(rule, user, _, upstream, _, key):
            has_token, further = decision.token is not None, tuple(_list_further(rule, user))
            return Outcome(None, upstream, has_token, decision.is_private, key is not None, further, cors=rule.cors)
        case RedirectToSignIn(rule, location, challenge):
            message = f"to the sign-in page{', to sign in again' if location.endswith(AGAIN) else ''}"
            return Outcome(302, message=message, headers=(("WWW-Authenticate", challenge),), cors=rule.cors)
        case AnswerOptions(allow):
            return Outcome(204, headers=(("Allow", allow),))
        case Refuse(error, rule):
            headers, cors = tuple(sorted(error.headers.items())), rule.cors if rule is not None else None
            return Outcome(error.status, message=str(error.message), headers=headers, cors=cors)


def _list_further(rule: Rule, user: User | None) -> Iterator[str]:
    """Yield in words what goes along, beside the caller's token."""
    if rule.paths is not Paths.STRICT:
        yield f"in {rule.paths} spellings too"
    if rule.strip:
        yield f"without {rule.strip}"
    if rule.cookies is Cookies.SESSION and user is not None:
        yield "with the caller's session cookie"
    if rule.identity and user is not None:
        named = ", ".join(f"{write_name(name)} ({about})" for name, about in rule.identity)
        yield f"naming the caller in {named}"
    if rule.authorization is Authorization.OWN:
        yield "with its Authorization header as it came"


def describe_pair(old: Outcome, new: Outcome) -> tuple[str, str]:
    """Return two different outcomes in words, with all in which they differ."""
    return _describe(old, new), _describe(new, old)


def describe(outcome: Outcome) -> str:
    """Return an outcome in words."""
    return _describe(outcome, outcome)


def _describe(outcome: Outcome, other: Outcome) -> str:
    if outcome.status is None:
        return _describe_passing(outcome, other)
    headers = dict(outcome.headers)
    parts = [f"{outcome.status} {outcome.message}".strip()]
    parts += [f"Allow: {headers['Allow']}"] if "Allow" in headers else []
    if outcome.message == other.message and outcome.headers != other.headers and "WWW-Authenticate" in headers:
        parts.append(f"WWW-Authenticate: {headers['WWW-Authenticate']}")
    parts += [describe_cors(outcome.cors)] * (outcome.cors != other.cors)
    return ", ".join(parts)


def _describe_passing(outcome: Outcome, other: Outcome) -> str:
    upstream = outcome.upstream
    verb = "opens a WebSocket to" if outcome.is_websocket else "passes to"
    parts = [f"{verb} {outcome.where}" + (", with the caller's token" if outcome.has_token else "")]
    parts += outcome.further
    if other.status is None and outcome.where == other.where:
        parts += _list_addresses(upstream, other.upstream) if upstream and other.upstream else []
        if outcome.is_private != other.is_private:
            parts.append("for this caller alone" if outcome.is_private else "for everyone")
    parts += [describe_cors(outcome.cors)] * (outcome.cors != other.cors)
    return ", ".join(parts)


def _list_addresses(one: Upstream, other: Upstream) -> list[str]:
    """Return in what an upstream differs from another definition of it."""
    parts = [" or ".join(map(str, one.replicas))] if one.replicas != other.replicas else []
    if one.answer_within != other.answer_within:
        parts.append("within the usual time" if one.answer_within is None else f"within {one.answer_within:g} s")
    if one.session_cookies != other.session_cookies:
        parts.append(f"{'with' if one.session_cookies else 'without'} NextAuth's cookies")
    if one.authorities != other.authorities:
        parts.append(f"verified by {'the usual authorities' if one.authorities is None else 'those of its ca_file'}")
    words = dict.fromkeys(word for word in (*one.granted, *other.granted) if word != "answer_within")
    for word in words:
        value = one.granted.get(word)
        if value != other.granted.get(word):
            parts.append(f"{word} as usual" if value is None else f"{word} = {value:g}")
    return parts
