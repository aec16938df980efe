"""From a shared secret to a key pair, and from that to another, while everybody goes on."""

import asyncio
import dataclasses
from collections.abc import Mapping, Sequence

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from shared.tokens.key_pairs import make_key_pair
from shared.tokens.published_keys import NOTHING_YET_EVERY
from tests.faults.containers import SERVICES
from tests.faults.experiments import Stand
from tests.faults.replicas import KEYS, KEYS_INSIDE, name_second
from tests.faults.rolling import BOTH
from tests.faults.tokens import join
from tests.support.rotating_keys import write_keys

USER = 10001  # of the containers, who alone may read the file
SEEN = 2.0  # seconds in which both replicas have read a changed file
A_WHILE = 8.0  # seconds of traffic after each step
FOLLOWING = BOTH | {"PUBLISHED_KEYS": "on"}
BESIDE = FOLLOWING | {"TOKEN_KEY_FILE": f"{KEYS_INSIDE}/token-keys.pem"}
ALONE = BESIDE | {"SECRET_KEY": "", "SECRET_KEY_PREVIOUS": ""}


async def rotate_keys(stand: Stand) -> str:
    """Sign by a key pair instead of the secret, then by another: announced, used, and the one before taken out."""
    one, two = make_key_pair(), make_key_pair()
    witness = await join(stand)
    by_secret = witness.bearer
    put_keys(stand, read_public(one))
    await replace(stand, ("gateway", "posts_service"), FOLLOWING)
    await replace(stand, ("auth_service",), BESIDE)
    await asyncio.sleep(NOTHING_YET_EVERY + SEEN)  # announced: all have read it
    await change_keys(stand, one)
    await witness.read_newest()  # with a token of the secret
    await witness.sign_in()
    by_one = witness.bearer
    await change_keys(stand, one, read_public(two))
    await change_keys(stand, two, read_public(one))
    await witness.read_newest()  # with a token of the first pair
    await asyncio.gather(*(person.sign_in() for person in (witness, *stand.traffic.people)))  # instead of an hour
    await asyncio.sleep(SEEN)
    await change_keys(stand, two)
    await replace(stand, SERVICES, ALONE)
    await witness.read_newest()
    for retired in (by_secret, by_one):
        await witness.send("read with a retired key", "GET", "/api/me", (401,), headers=retired)
    return "2 rotations, 12 replacements"


async def replace(stand: Stand, services: Sequence[str], settings: Mapping[str, str]) -> None:
    """Give all replicas of services other settings, one after the other."""
    containers = dataclasses.replace(stand.containers, settings=settings)
    for service in services:
        for replica in (service, name_second(service)):
            await containers.compose("up", "--detach", "--no-deps", "--timeout", "20", replica)
            await containers.wait_until_healthy(replica)


async def change_keys(stand: Stand, *keys: str) -> None:
    """Put other keys into the file, and let everybody go on for a while."""
    put_keys(stand, *keys)
    await asyncio.sleep(A_WHILE)


def put_keys(stand: Stand, *keys: str) -> None:
    """Put other keys into the file."""
    write_keys(stand.directory / KEYS / "token-keys.pem", *(key.encode() for key in keys), owner=USER)


def read_public(private: str) -> str:
    """Return the public half of a private key in PEM."""
    public = load_pem_private_key(private.encode(), None).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
