"""A key is announced, signs, and retires, while all verifiers are under traffic: no request fails.

Its file comes first: the gateway asks for unknown keys once in 30 seconds, and forged tokens name some.
"""

from pathlib import Path

import httpx2

from tests.support.foreign_verifiers import KEPT, NGINX, Verifier, ask, fetch_public_keys
from tests.support.forged_tokens import forge, read_claims, read_header
from tests.support.key_set_relay import PATH
from tests.support.people import Person, sign_in
from tests.support.rotating_keys import KeyFile
from tests.support.running_stack import StackUrls
from tests.support.signers import Signer, make_ec_key, pair_up
from tests.support.steady_traffic import steady_traffic
from tests.support.waiting import wait_until

PATIENCE = 30.0  # seconds


async def wait_until_published(client: httpx2.AsyncClient, signers: list[Signer]) -> None:
    """Return once the stack publishes these keys."""

    async def list_names() -> list[str]:
        return [key["kid"] for key in (await client.get(PATH)).json()["keys"]]

    await wait_until(list_names, lambda names: names == [signer.kid for signer in signers], PATIENCE)


async def wait_for_status(url: str, token: str, wanted: int) -> None:
    """Return once a verifier answers so to a token that comes by a connection of its own."""

    async def ask_anew() -> int:
        async with httpx2.AsyncClient(timeout=20) as client:
            return await ask(client, url, token)

    await wait_until(ask_anew, lambda status: status == wanted, PATIENCE)


async def test_a_new_key_loses_no_request(
    stack: StackUrls, verifiers: list[Verifier], haproxy: Verifier, public_keys: Path, key_file: KeyFile, ada: Person
) -> None:
    """Announced for longer than any cache, signing, retired: every request with a token that counts gets 200."""
    old, new = key_file.signer, pair_up(make_ec_key(18))
    by_new = forge(read_claims(ada.token), by=new)
    urls = {each.name: each.orders for each in verifiers}
    async with (
        httpx2.AsyncClient(base_url=stack.gateway, timeout=20) as client,
        steady_traffic(urls, ada.token) as traffic,
    ):
        await traffic.flow(0)

        key_file.write([old, new])
        await wait_until_published(client, [old, new])
        fetch_public_keys(public_keys, f"{stack.gateway}{PATH}")
        haproxy.reload()
        for name in (haproxy.name, NGINX):  # the others learn it by themselves
            await wait_for_status(urls[name], by_new, 200)
        await traffic.flow(KEPT + 1)

        key_file.write([new, old])
        later = await wait_until(
            lambda: sign_in(client, ada.email), lambda person: read_header(person.token)["kid"] == new.kid, PATIENCE
        )
        traffic.tokens = [ada.token, later.token]
        await traffic.flow(KEPT + 1)

        traffic.tokens = [later.token]
        key_file.write([new])
        await wait_until_published(client, [new])
        fetch_public_keys(public_keys, f"{stack.gateway}{PATH}")
        haproxy.reload()
        for name in urls.keys() - {NGINX}:  # the gateway looks every five minutes
            await wait_for_status(urls[name], ada.token, 401)
        await traffic.flow(0)
    print(f"while keys changed: {dict(traffic.passed)} passed, {dict(traffic.failed)} failed")  # noqa: T201
    assert not traffic.failed
    assert set(traffic.passed) == set(urls)
