"""People for the tests: they sign up and sign in as anyone does, over HTTP."""

import uuid
from dataclasses import dataclass

import httpx2

from tests.support.forged_tokens import read_claims

PASSWORD = "correct horse battery"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who signed up and signed in."""

    id: int
    name: str
    email: str
    token: str

    @property
    def session_id(self) -> str:
        """The session that the access token is of."""
        return str(read_claims(self.token)["sid"])

    @property
    def bearer(self) -> dict[str, str]:
        """The header that proves who this is."""
        return {"Authorization": f"Bearer {self.token}"}


async def sign_up_and_in(client: httpx2.AsyncClient, name: str) -> Person:
    """Sign up under an address that nobody has, sign in, and return the person."""
    email = f"{name.partition(' ')[0].lower()}.{uuid.uuid4().hex[:12]}@example.com"
    created = await client.post("/api/user", json={"name": name, "email": email, "password": PASSWORD})
    assert created.status_code == 201, created.text
    return await sign_in(client, email)


async def sign_in(client: httpx2.AsyncClient, email: str) -> Person:
    """Sign in somebody who signed up before, and return them with the token of the new session."""
    answer = await client.post("/api/login", json={"username": email, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    return Person(found["id"], found["name"], found["email"], found["accessToken"])
