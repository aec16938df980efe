"""The gateway only filters: a request that gets past it meets the same verdict at the service."""

import uuid

from shared.settings import SAMPLE_SECRETS
from tests.support.containers import Answer, Containers
from tests.support.forged_tokens import forge, list_faulty_tokens, make_claims
from tests.support.people import Person
from tests.support.signers import USUAL, Signer

NO_AUTHORIZATION = {"error": "No Authorization"}


def ask_both(containers: Containers, path: str, headers: list[dict[str, str]]) -> tuple[list[Answer], list[Answer]]:
    """Send the same requests through the gateway and past it; return both lists of answers."""
    host = {"Host": f"localhost:{containers.port}"}
    through = [(f"http://gateway:3000{path}", {**host, **each}) for each in headers]
    past = [(f"http://posts_service:8002{path}", each) for each in headers]
    answers = containers.ask([*through, *past])
    return answers[: len(headers)], answers[len(headers) :]


async def test_a_right_token_reads_the_same_both_ways(containers: Containers, ada: Person) -> None:
    """A user's own token is taken by the posts service itself, bare and after Bearer."""
    headers = [{"Authorization": ada.token}, {"Authorization": f"Bearer {ada.token}"}]
    through, past = ask_both(containers, f"/api/user/{ada.id}", headers)
    assert through == past
    assert [answer.status for answer in past] == [200, 200]


async def test_typed_identities_count_for_nothing(containers: Containers, ada: Person) -> None:
    """Headers that name a user, and a forwarded session cookie, make nobody a user at the service."""
    headers = [
        {},
        {"X-User-Id": str(ada.id)},
        {"X-Forwarded-User": ada.email, "X-Gatepost-User": str(ada.id)},
        {"Cookie": f"next-auth.session-token={ada.token}"},
    ]
    through, past = ask_both(containers, f"/api/user/{ada.id}", headers)
    for answer in (*through, *past):
        assert (answer.status, answer.body) == (401, NO_AUTHORIZATION)


async def test_a_draft_is_hidden_both_ways(containers: Containers, ada: Person) -> None:
    """What the author alone may see is not there for others, whichever way they come."""
    through, past = ask_both(containers, "/api/posts/999999", [{}, ada.bearer])
    assert through == past
    assert {answer.status for answer in past} == {404}


def check_faulty_tokens(containers: Containers, signer: Signer) -> None:
    """Send a good token and those with any one fault, all by this signer, to the service itself and to the gateway."""
    claims = {**make_claims(session_id=str(uuid.uuid4())), "iss": containers.url}
    tokens = {name: token for name, token in list_faulty_tokens(claims, signer).items() if token.isascii() and token}
    headers = [{"Authorization": f"Bearer {token}"} for token in (forge(claims, by=signer), *tokens.values())]
    through, past = ask_both(containers, "/api/user/1", headers)
    assert through[0].status == past[0].status == 200  # the same token without a fault
    for name, at_gateway, at_service in zip(tokens, through[1:], past[1:], strict=True):
        for answer in (at_gateway, at_service):
            assert (answer.status, answer.body) == (401, NO_AUTHORIZATION), name
            assert answer.challenge is not None, name


def test_every_faulty_token_is_refused_both_ways(containers: Containers) -> None:
    """A token with any one fault gets 401 from the service itself and through the gateway; never a 500."""
    check_faulty_tokens(containers, USUAL.signer)


def test_what_services_say_among_themselves_is_closed(containers: Containers) -> None:
    """The internal API answers no request without a service token, a user's token included."""
    token = forge({**make_claims(), "iss": containers.url}, secret=SAMPLE_SECRETS["SECRET_KEY"])
    url = "http://auth_service:8001/internal/users/changes"
    for answer in containers.ask([(url, {}), (url, {"Authorization": f"Bearer {token}"})]):
        assert answer.status == 401
