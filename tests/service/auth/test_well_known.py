"""What the auth service publishes for whoever verifies its tokens: its public keys and its metadata."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from jsonschema_rs import validator_for

from auth_service.app import create_app
from shared.observing.metrics import Metrics
from shared.tokens.public_keys import read_jwks
from tests.support.services import PUBLIC_URL, auth_settings, client_of, running
from tests.support.signers import SECRET, jwk_of, make_ec_key, make_rsa_key, thumbprint_of, write_private, write_public

KEYS = "/.well-known/jwks.json"
ISSUER = "/.well-known/oauth-authorization-server"
SIGNING, RETIRING = make_ec_key(1), make_rsa_key()


@pytest.fixture
async def publisher(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of an auth service with two key pairs, and without a database."""
    file = tmp_path / "keys.pem"
    file.touch(0o600)
    file.write_bytes(write_private(SIGNING) + write_public(RETIRING))
    settings = auth_settings(f"postgresql://auth@/auth?host={tmp_path}", secret_key=None, token_key_file=str(file))
    async with running(create_app(settings, Metrics())) as app, client_of(app) as client:
        yield client


@pytest.fixture
async def sharer(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of an auth service with a shared secret alone."""
    settings = auth_settings(f"postgresql://auth@/auth?host={tmp_path}", secret_key=SECRET, token_key_file=None)
    async with running(create_app(settings, Metrics())) as app, client_of(app) as client:
        yield client


async def test_the_public_keys_are_published(publisher: httpx2.AsyncClient) -> None:
    """The key set has the public half of each key, the signing one's first, and nothing else (RFC 7517)."""
    answer = await publisher.get(KEYS)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    usual = {"use": "sig"}
    assert answer.json() == {
        "keys": [
            {**jwk_of(SIGNING), "kid": thumbprint_of(SIGNING), "alg": "ES256", **usual},
            {**jwk_of(RETIRING), "kid": thumbprint_of(RETIRING), "alg": "RS256", **usual},
        ]
    }
    assert [key.kid for key in read_jwks(answer.content)] == [thumbprint_of(SIGNING), thumbprint_of(RETIRING)]


async def test_the_metadata_leads_to_the_keys(publisher: httpx2.AsyncClient) -> None:
    """The metadata has what RFC 8414 requires: the issuer is the ``iss`` of tokens, byte for byte."""
    metadata = (await publisher.get(ISSUER)).json()
    assert metadata["issuer"] == PUBLIC_URL
    assert metadata["jwks_uri"] == PUBLIC_URL + KEYS
    assert metadata["token_endpoint"] == f"{PUBLIC_URL}/api/token"
    assert metadata["response_types_supported"] == []
    assert metadata["access_token_signing_alg_values_supported"] == ["ES256", "RS256"]
    assert "authorization_endpoint" not in metadata


@pytest.mark.parametrize("path", [KEYS, ISSUER])
async def test_what_is_published_may_be_kept(publisher: httpx2.AsyncClient, path: str) -> None:
    """Anybody may keep a document for five minutes, and is told then whether it has changed; HEAD has no body."""
    answer = await publisher.get(path)
    assert answer.headers["cache-control"] == "public, max-age=300"
    for condition in (answer.headers["etag"], f'"other", W/{answer.headers["etag"]}', "*"):
        again = await publisher.get(path, headers={"if-none-match": condition})
        assert (again.status_code, again.content) == (304, b"")
        assert [again.headers[name] for name in ("etag", "cache-control")] == [
            answer.headers["etag"],
            "public, max-age=300",
        ]
    assert (await publisher.get(path, headers={"if-none-match": '"other"'})).status_code == 200
    head = await publisher.head(path)
    assert (head.status_code, head.headers["etag"]) == (200, answer.headers["etag"])
    assert (await publisher.post(path)).headers["allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("path", [KEYS, ISSUER])
async def test_no_other_origin_reads_it_in_a_browser(publisher: httpx2.AsyncClient, path: str) -> None:
    """It is servers that verify tokens: no answer is opened to other origins, and scripts may do nothing with it."""
    answer = await publisher.get(path, headers={"origin": "https://elsewhere.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", [KEYS, ISSUER])
async def test_a_shared_secret_publishes_nothing(sharer: httpx2.AsyncClient, path: str) -> None:
    """Without a key pair both are 404 with one sentence, which nobody keeps."""
    answer = await sharer.get(path)
    sentence = "There are no public keys: access tokens are signed with a shared secret"
    assert (answer.status_code, answer.json()) == (404, {"error": sentence})
    assert answer.headers["cache-control"] == "no-store"
    assert (await sharer.head(path)).status_code == 404


@pytest.mark.parametrize("path", [KEYS, ISSUER])
async def test_the_documents_are_as_described(publisher: httpx2.AsyncClient, path: str) -> None:
    """What is published is what ``/openapi.json`` says of it."""
    description = (await publisher.get("/openapi.json")).json()
    answers = description["paths"][path]["get"]["responses"]
    assert set(answers) == {"200", "304", "404", "503"}
    schema = {**answers["200"]["content"]["application/json"]["schema"], "components": description["components"]}
    answer = json.loads((await publisher.get(path)).content)
    assert not [error.message for error in validator_for(schema).iter_errors(answer)]
