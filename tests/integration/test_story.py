"""The tutorial's story, over HTTP through the gateway."""

import httpx2

from tests.support.people import PASSWORD, Person

NO_AUTHORIZATION = {"error": "No Authorization"}


async def write_post(client: httpx2.AsyncClient, author: Person, **members: object) -> dict[str, object]:
    """Write a post and return it as answered."""
    answer = await client.post("/api/posts", json=members, headers=author.bearer)
    assert answer.status_code == 201, answer.text
    post: dict[str, object] = answer.json()
    return post


async def test_sign_up_answers_the_user_without_the_password(client: httpx2.AsyncClient) -> None:
    """Signing up answers 201, where the user is, and the user without any trace of the password."""
    body = {"name": "Katherine", "email": "katherine@example.com", "password": PASSWORD}
    answer = await client.post("/api/user", json=body)
    assert answer.status_code == 201
    assert set(answer.json()) == {"id", "name", "email", "createdAt", "updatedAt"}
    assert answer.headers["location"].endswith(f"/api/user/{answer.json()['id']}")
    assert PASSWORD not in answer.text


async def test_sign_in_answers_the_user_and_an_access_token(client: httpx2.AsyncClient, ada: Person) -> None:
    """Signing in answers the user without the password, plus an access token for an hour."""
    answer = await client.post("/api/login", json={"username": ada.email, "password": PASSWORD})
    assert answer.status_code == 200
    assert answer.json()["id"] == ada.id
    assert answer.json()["expiresIn"] == 3600
    assert answer.json()["accessToken"].count(".") == 2
    assert "password" not in answer.text.lower()


async def test_a_wrong_password_and_an_unknown_email_look_the_same(client: httpx2.AsyncClient, ada: Person) -> None:
    """A wrong password and an unknown e-mail get the same 401, byte for byte."""
    wrong = await client.post("/api/login", json={"username": ada.email, "password": "not the password"})
    unknown = await client.post("/api/login", json={"username": "nobody@example.com", "password": PASSWORD})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.content == unknown.content == b'{"error":"Invalid credentials"}'


async def test_own_posts_are_listed_with_their_author(client: httpx2.AsyncClient, ada: Person) -> None:
    """A user's posts come with ``author: {email, name}``, newest first, for a token bare and after Bearer."""
    first = await write_post(client, ada, title="First", content="one", published=True)
    second = await write_post(client, ada, title="Second")
    for credential in (ada.token, f"Bearer {ada.token}"):
        answer = await client.get(f"/api/user/{ada.id}", headers={"authorization": credential})
        assert answer.status_code == 200
        assert answer.json() == [second, first]
        assert answer.json()[0]["author"] == {"email": ada.email, "name": ada.name}


async def test_without_a_valid_token_there_is_no_authorization(client: httpx2.AsyncClient, ada: Person) -> None:
    """Without a token, and with a wrong one, the answer is 401 and exactly ``{"error": "No Authorization"}``."""
    tampered = ada.token[:-4] + ("AAAA" if not ada.token.endswith("AAAA") else "BBBB")
    for headers in ({}, {"authorization": "nonsense"}, {"authorization": tampered}):
        answer = await client.get(f"/api/user/{ada.id}", headers=headers)
        assert answer.status_code == 401
        assert answer.json() == NO_AUTHORIZATION
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_drafts_of_others_stay_hidden(client: httpx2.AsyncClient, ada: Person, grace: Person) -> None:
    """Another's list shows only what is published, and a foreign draft is not there."""
    published = await write_post(client, ada, title="For all", published=True)
    draft = await write_post(client, ada, title="For me")
    listed = await client.get(f"/api/user/{ada.id}", headers=grace.bearer)
    assert listed.json() == [published]
    assert (await client.get(f"/api/posts/{draft['id']}", headers=grace.bearer)).status_code == 404
    assert (await client.get(f"/api/posts/{published['id']}")).status_code == 200


async def test_me_is_who_the_token_says(client: httpx2.AsyncClient, ada: Person) -> None:
    """``GET /api/me`` answers the caller and nobody else."""
    answer = await client.get("/api/me", headers=ada.bearer)
    assert answer.status_code == 200
    assert (answer.json()["id"], answer.json()["email"]) == (ada.id, ada.email)
    assert (await client.get("/api/me")).json() == NO_AUTHORIZATION


async def test_an_anonymous_browser_is_sent_to_the_sign_in_page(client: httpx2.AsyncClient) -> None:
    """A page under the matcher sends an anonymous browser to sign in, with where it wanted to go."""
    answer = await client.get("/userposts/7?from=mail", headers={"accept": "text/html"})
    assert answer.status_code in {302, 303, 307}
    assert answer.headers["location"].endswith("/api/auth/signin?callbackUrl=%2Fuserposts%2F7%3Ffrom%3Dmail")


async def test_internal_paths_are_not_routed(client: httpx2.AsyncClient) -> None:
    """What services tell one another, and their health and metrics, can't be reached through the gateway."""
    for path in ("/internal/users/changes", "/metrics", "/internal", "/internal/"):
        assert (await client.get(path)).status_code == 404


async def test_every_answer_names_its_request(client: httpx2.AsyncClient) -> None:
    """Every answer carries ``X-Request-ID``, the caller's own where it is well-formed."""
    for path in ("/", "/api/posts", "/nowhere", "/userposts", "/%2e"):
        answer = await client.get(path, headers={"x-request-id": "0123456789abcdef"})
        assert answer.headers.get_list("x-request-id") == ["0123456789abcdef"]
