"""How the libraries learn which keys count: what a flood of unknown names costs, and what an outage does."""

import secrets
import time

import httpx2

from tests.support.foreign_verifiers import KEPT, Verifier, ask
from tests.support.forged_tokens import forge, read_claims
from tests.support.key_set_relay import KeySetRelay
from tests.support.people import Person
from tests.support.signers import make_ec_key, pair_up
from tests.support.waiting import wait_until

MADE_UP = 20
COOLING_DOWN = ("FastAPI", "Django", "Fastify", "jose")  # fetch no more than once in a while, whoever asks
KEEPING = ("Express",)  # go on with the keys that they have


async def test_made_up_names_of_keys(
    client: httpx2.AsyncClient, libraries: list[Verifier], relay: KeySetRelay, ada: Person
) -> None:
    """Tokens that name keys nobody has are refused; what they cost the issuer differs; nobody else is refused."""
    stranger = pair_up(make_ec_key(17))
    headers = [{**stranger.header, "kid": secrets.token_urlsafe(32)} for _ in range(MADE_UP)]
    tokens = [forge(read_claims(ada.token), header, by=stranger) for header in headers]
    for verifier in libraries[:-1]:
        assert await ask(client, verifier.orders, ada.token) == 200
        before, begun = relay.fetches[verifier.name], time.monotonic()
        assert {await ask(client, verifier.orders, token) for token in tokens} == {401}, verifier.name
        fetched, took = relay.fetches[verifier.name] - before, time.monotonic() - begun
        print(f"{verifier.name}: {fetched} fetches for {MADE_UP} made-up names")  # noqa: T201 - figures of the README
        most = 1 + took / KEPT if verifier.name in COOLING_DOWN else MADE_UP + 1
        assert fetched <= most, verifier.name
        assert await ask(client, verifier.orders, ada.token) == 200


async def test_the_key_set_can_not_be_fetched(
    client: httpx2.AsyncClient, libraries: list[Verifier], relay: KeySetRelay, ada: Person
) -> None:
    """Some go on with the keys they have, some answer 503 and never 401; all recover by themselves."""
    for verifier in libraries[:-1]:
        assert await ask(client, verifier.orders, ada.token) == 200
    relay.is_cut = True
    try:
        for verifier in libraries[:-1]:
            if verifier.name in KEEPING:
                before = relay.fetches[verifier.name]
                while relay.fetches[verifier.name] < before + 2:  # it has missed the set, and been asked again
                    assert await ask(client, verifier.orders, ada.token) == 200, verifier.name
            else:
                await wait_until(
                    lambda verifier=verifier: ask(client, verifier.orders, ada.token), lambda status: status == 503
                )
                answer = await client.get(verifier.orders, headers=ada.bearer)
                assert "www-authenticate" not in answer.headers, verifier.name
    finally:
        relay.is_cut = False
    for verifier in libraries[:-1]:
        await wait_until(
            lambda verifier=verifier: ask(client, verifier.orders, ada.token), lambda status: status == 200
        )
