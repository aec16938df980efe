"""Requests, rules and numbers of paths in words and as JSON, for all reports alike."""

from collections.abc import Iterator

from gateway.judgement_text import list_demands
from gateway.messages.raw_headers import write_name
from gateway.policy.choice import RequestFacts
from gateway.policy.rules import Authorization, Rule
from gateway.proving.cases import Example
from gateway.proving.situations import NOW
from shared.tokens.authentication import Anonymous, Caller

Json = dict[str, object]


def describe_count(count: int | None) -> str:
    """Return how many paths there are beside the one that stands for them."""
    if count is None:
        return " and other paths, unbounded or too many to count"
    return f" and {count - 1:,} other path{'s' if count > 2 else ''}" if count > 1 else ""  # noqa: PLR2004 - plural


def describe_example(example: Example) -> str:
    """Return a request in one line."""
    request, caller = example
    headers = [f"{name}: {value}" for name, value in list_headers(request)]
    return f"{request.method} {write_target(request)} ({', '.join([describe_caller(caller), *headers])})"


def describe_caller(caller: Caller) -> str:
    """Return who sends an example."""
    if isinstance(caller, Anonymous):
        return "anonymous"
    roles = f" as {' '.join(caller.claims.roles)}" if caller.claims.roles else ""
    age = NOW - (caller.claims.authenticated_at or 0)
    return f"signed in{f' {age} s ago' if age else ''}{roles}"


def write_target(request: RequestFacts) -> str:
    """Return the path of a request as it is sent, with its query."""
    return (request.path.raw + (b"?" + request.query if request.query else b"")).decode("ascii")


def describe_rule(rule: Rule) -> str:
    """Return a rule in one line, with its matchers."""
    return f"{name_rule(rule)}: {' '.join(matcher.source for matcher in rule.matchers)}"


def name_rule(rule: Rule) -> str:
    """Return where a rule stands, whom it lets pass, and where to."""
    where = f" at {' '.join(sorted(rule.hosts))}" if rule.hosts else ""
    own = ["the Authorization header is its own"] * (rule.authorization is Authorization.OWN)
    return ", ".join([f"line {rule.line}: {rule.access} to {rule.upstream}{where}", *list_demands(rule), *own])


def list_headers(request: RequestFacts) -> Iterator[tuple[str, str]]:
    """Yield the headers of a request, as people write them."""
    yield from ((write_name(name.decode()), value.decode("latin-1")) for name, value in request.headers)
    if request.content_length is not None:
        yield "Content-Length", str(request.content_length)


def rule_as_json(rule: Rule) -> Json:
    """Return where a rule stands and what it says."""
    return {
        "line": rule.line,
        "matcher": [matcher.source for matcher in rule.matchers],
        "access": rule.access.value,
        "role": rule.role,
        "max_auth_age": rule.max_auth_age,
        "authorization": rule.authorization,
        "upstream": rule.upstream,
        **({"hosts": sorted(rule.hosts)} if rule.hosts else {}),
    }


def example_as_json(example: Example) -> Json:
    """Return a request, and who sends it."""
    request, caller = example
    return {
        "method": request.method,
        "target": write_target(request),
        "headers": list(list_headers(request)),
        "caller": describe_caller(caller),
    }


def escape_markdown(text: str) -> str:
    """Return a text that Markdown shows as it is, in a table, too."""
    return "".join(f"\\{character}" if character in "\\`*_{}[]<>()#|~&" else character for character in text)
