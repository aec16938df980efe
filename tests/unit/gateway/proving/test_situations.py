"""Who sends a request and how: every kind that rules tell apart, and no matter what else the request is."""

import pytest

from gateway.messages.raw_headers import RawHeader
from gateway.policy.decision import RedirectToSignIn, Refuse, apply_rule
from gateway.policy.rules import Candidate, Rule
from gateway.proving.cubes import merge_points
from gateway.proving.outcomes import outcome_of
from gateway.proving.paths import read_path
from gateway.proving.rulings import make_request, see_caller
from gateway.proving.situations import NOW, TOKEN, Sender, Situation, Ways
from shared.tokens.authentication import Anonymous, Caller, Reason
from tests.support.generated_policies import PolicyMaker
from tests.support.policies import read, rule

ADMIN, NO_ROLE = frozenset({"admin"}), frozenset[str]()


def rules_of(*words: dict[str, str]) -> tuple[Rule, ...]:
    """Return protected rules with these words."""
    return read(*(rule(f"/{number}", "protected", **each) for number, each in enumerate(words))).rules


@pytest.mark.parametrize(
    ("words", "senders"),
    [
        ([{}], [None, (NO_ROLE, 0)]),
        ([{"role": '"admin"'}], [None, (NO_ROLE, 0), (ADMIN, 0)]),
        ([{"max_auth_age": "60"}, {"max_auth_age": "300"}], [None, (NO_ROLE, 0), (NO_ROLE, 61), (NO_ROLE, 301)]),
    ],
)
def test_kinds_of_caller(words: list[dict[str, str]], senders: list[tuple[frozenset[str], int] | None]) -> None:
    """Callers differ in the roles that rules ask for, and in how long ago they signed in, at the very second."""
    expected = tuple(Sender() if each is None else Sender(*each) for each in senders)
    assert Ways.of(rules_of(*words), "GET").sender == expected


def find_sender(ways: Ways, caller: Caller, *, by_header: bool) -> Sender:
    """Return the kind that a caller is of."""
    if isinstance(caller, Anonymous):
        return Sender()
    roles = set().union(*(sender.roles or () for sender in ways.sender))
    since = caller.claims.authenticated_at
    age = NOW if since is None else NOW - since
    ages = sorted({sender.age for sender in ways.sender})
    is_told = by_header and any(sender.by_header for sender in ways.sender)
    return Sender(frozenset(roles & set(caller.claims.roles)), max(each for each in ages if each <= age), is_told)


@pytest.mark.parametrize("seed", range(30))
def test_a_rule_tells_nothing_else_apart(seed: int) -> None:
    """Whatever a request is, a rule does with it what it does in one of the situations, with the same caller."""
    maker = PolicyMaker(seed)
    policy = maker.make_policy()
    for request, caller in maker.make_requests((policy,), 40):
        for each in policy.rules:
            side = Candidate(each, each.matchers[0], policy.find_upstream(each.upstream))
            ways = Ways.of([each], request.method)
            sender = find_sender(ways, caller, by_header=TOKEN in request.headers)
            plain = make_request(read_path("/"), request.method)
            possible = {
                outcome_of(
                    apply_rule(side, shown, see_caller(each, shown, sender.as_caller())),
                )._replace(headers=())
                for one in ways.list_situations()
                for shown in [one.as_possible().put_into(plain)]
                if one.sender == sender
            }
            found = outcome_of(apply_rule(side, request, see_caller(each, request, caller)))._replace(headers=())
            assert found in possible or found.status in {400, 426}  # a handshake is wrong in more ways than one


def describe(words: list[dict[str, str]], method: str, chosen: list[Situation]) -> tuple[str, str]:
    """Return how a product of situations is described."""
    ways = Ways.of(rules_of(*words), method)
    (cube,) = merge_points(chosen or list(ways.list_situations()))
    return ways.describe_senders(cube[0]), ways.describe(cube)


def test_where_the_header_is_the_applications_it_matters_who_is_known_by_it() -> None:
    """A token in a header that is not ours proves nothing, and several such headers are refused."""
    ways = Ways.of(rules_of(OWN), "GET")
    assert ways.sender == (Sender(), Sender(NO_ROLE), Sender(NO_ROLE, 0, by_header=True))
    assert ways.is_repeated == (False, True)
    assert Ways.of(rules_of({"authorization": '"token"'}), "GET").is_repeated == (False,)


HELD, OLD = Sender(ADMIN), Sender(NO_ROLE, 61)
UPGRADE = ((b"upgrade", b"websocket"),)
OWN = {"authorization": '"own"'}


@pytest.mark.parametrize(
    ("words", "chosen", "who", "how"),
    [
        ([{}], [], "anyone", ""),
        ([{}], [Situation(Sender())], "anonymous", ""),
        ([{}], [Situation(Sender(NO_ROLE))], "signed in", ""),
        ([{"role": '"admin"'}], [Situation(HELD)], "signed in with the role admin", ""),
        (
            [{"role": '"admin"'}],
            [Situation(Sender()), Situation(HELD)],
            "anonymous or signed in with the role admin",
            "",
        ),
        ([{"max_auth_age": "60"}], [Situation(OLD)], "signed in more than 60 s ago", ""),
        ([{"max_auth_age": "60"}], [Situation(Sender(NO_ROLE))], "signed in within 60 s", ""),
        ([{"max_auth_age": "60"}, {"max_auth_age": "90"}], [Situation(OLD)], "signed in 61 to 90 s ago", ""),
        ([{"access": '"page"'}], [Situation(Sender())], "anonymous", "navigating"),
        ([{"access": '"page"'}], [Situation(Sender(), is_fetch=True)], "anonymous", "not navigating"),
        ([{}], [Situation(Sender(), upgrade=UPGRADE)], "anonymous", "asking badly for a WebSocket"),
        ([OWN], [Situation(Sender(NO_ROLE, 0, by_header=True))], "signed in by a token in the header", ""),
        ([OWN], [Situation(Sender(NO_ROLE))], "signed in by the session cookie", ""),
        ([OWN], [Situation(Sender(), is_repeated=True)], "anonymous", "with several Authorization headers"),
        ([{"max_body": "9"}], [Situation(Sender(), body=10)], "anonymous", "with a body of 10 bytes or more"),
        (
            [{"max_body": "9"}, {"max_body": "19"}],
            [Situation(Sender(), body=10)],
            "anonymous",
            "with a body of 10 to 19 bytes",
        ),
        ([OWN], [Situation(Sender())], "anonymous", ""),
    ],
)
def test_situations_in_words(words: list[dict[str, str]], chosen: list[Situation], who: str, how: str) -> None:
    """People read who sends a request, and what is special about it."""
    assert describe(words, "GET", chosen) == (who, how)


@pytest.mark.parametrize(
    "header", [(b"accept", b"application/json"), (b"x-requested-with", b"XMLHttpRequest"), (b"accept", b"text/html")]
)
def test_a_navigation_is_one_whatever_else_the_request_says(header: RawHeader) -> None:
    """Both kinds are tried of a request with a header by which scripts are known where there is no Fetch Metadata."""
    request = make_request(read_path("/"))._replace(headers=(header,))
    (page,) = read(rule("/", "page")).rules
    side = Candidate(page, page.matchers[0], None)
    asked = [Situation(Sender(), is_fetch=is_fetch) for is_fetch in (False, True)]
    found = [type(apply_rule(side, each.put_into(request), Anonymous(Reason.MISSING))) for each in asked]
    assert found == [RedirectToSignIn, Refuse]


def test_forms_in_words() -> None:
    """A form of ours is told from another where a rule lets such forms pass."""
    words = [{"access": '"page"', "anonymous_forms": "true"}]
    assert describe(words, "POST", [Situation(Sender(), is_form=True)]) == ("anonymous", "navigating, a form of ours")
    assert describe(words, "POST", [Situation(Sender())]) == ("anonymous", "navigating, no form of ours")
    assert describe(words, "POST", [Situation(Sender(), upgrade=UPGRADE)])[1].endswith("asking for a WebSocket")
