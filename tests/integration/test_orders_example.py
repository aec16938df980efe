"""The story of ``examples/orders-fastapi``: a service that has nothing of ours but the token and the gateway."""

from collections.abc import Iterator

import httpx2
import pytest

from tests.support.forged_tokens import forge, list_faulty_tokens, make_claims, read_claims
from tests.support.next_auth import sign_in
from tests.support.orders_example import Orders, running_orders
from tests.support.people import Person
from tests.support.running_stack import StackUrls
from tests.support.waiting import wait_until

NOT_OURS = (
    *("alg none", "alg HS512", "typ JWT", "typ of a service token", "unknown kid", "no kid in the header"),
    *("no signature", "signature missing", "signature cut", "signature changed", "words"),
    *("signed with NEXTAUTH_SECRET", "signed with SERVICE_SECRET", "signed with nothing"),
    *("another audience", "other audiences", "another issuer", "no aud", "no iss", "no sub", "expired", "no exp"),
)


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orders]:
    """Give the service behind the gateway."""
    with running_orders(tmp_path_factory.mktemp("orders")) as orders:
        yield orders


@pytest.fixture(scope="module")
def stack(orders: Orders) -> StackUrls:
    """Give the stack ahead of it, where people sign up."""
    return orders.stack


async def test_everybody_sees_their_own_orders(client: httpx2.AsyncClient, ada: Person, grace: Person) -> None:
    """Anonymous 401; signed in, what was ordered is there; for another user it is not."""
    assert (await client.get("/api/orders")).status_code == 401
    assert (await client.get("/api/orders", headers=ada.bearer)).json() == []
    created = await client.post("/api/orders", json={"item": "tea", "quantity": 2}, headers=ada.bearer)
    assert created.status_code == 201
    order = created.json()
    assert (order["item"], order["quantity"]) == ("tea", 2)
    assert (await client.get("/api/orders", headers=ada.bearer)).json() == [order]
    assert (await client.get(f"/api/orders/{order['id']}", headers=ada.bearer)).json() == order
    assert (await client.get("/api/orders", headers=grace.bearer)).json() == []
    assert (await client.get(f"/api/orders/{order['id']}", headers=grace.bearer)).status_code == 404


@pytest.mark.parametrize("order_id", ["0", str(2**31), str(2**63), "9" * 40, "x"])
async def test_no_id_of_an_order_is_a_fault(client: httpx2.AsyncClient, ada: Person, order_id: str) -> None:
    """An id that no order can have, and no column can hold, is the caller's mistake."""
    assert (await client.get(f"/api/orders/{order_id}", headers=ada.bearer)).status_code == 422


@pytest.mark.parametrize("item", ['"a\\u0000"', '""', '"\\ud800"', '{"\\ud800": "\\udfff"}'])
async def test_no_text_of_an_item_is_a_fault(client: httpx2.AsyncClient, ada: Person, item: str) -> None:
    """A text that PostgreSQL can't hold, that says nothing, or that is none, is the caller's mistake."""
    body, json_type = f'{{"item": {item}}}', {"content-type": "application/json"}
    assert (await client.post("/api/orders", content=body, headers=ada.bearer | json_type)).status_code == 422


async def test_the_session_cookie_opens_it_too(client: httpx2.AsyncClient, ada: Person) -> None:
    """A browser's request goes to the service with the token of its session, and without the cookie's."""
    await sign_in(client, ada.email)
    assert (await client.get("/api/orders")).status_code == 200


async def test_the_gateway_refuses_a_forged_token(client: httpx2.AsyncClient, ada: Person) -> None:
    """A token that was signed with another key is 401."""
    forged = forge(read_claims(ada.token), secret="a key of somebody else, and long enough")
    answer = await client.get("/api/orders", headers={"authorization": f"Bearer {forged}"})
    assert answer.status_code == 401


async def test_past_the_gateway_the_verdict_is_the_same(orders: Orders, ada: Person) -> None:
    """Asked directly, the service takes a right token, and refuses what is not one of Gatepost's access tokens."""
    faulty = list_faulty_tokens({**make_claims(), **read_claims(ada.token)})
    async with httpx2.AsyncClient(base_url=orders.url, timeout=30) as direct:
        assert (await direct.get("/api/orders", headers=ada.bearer)).status_code == 200
        assert (await direct.get("/api/orders")).status_code == 401
        for name in NOT_OURS:
            answer = await direct.get("/api/orders", headers={"authorization": f"Bearer {faulty[name]}"})
            assert answer.status_code == 401, name


async def test_the_end_of_a_session_closes_it(client: httpx2.AsyncClient, ada: Person) -> None:
    """After signing out the token opens nothing behind the gateway, which knows of it; the service need not."""
    assert (await client.post("/api/logout", headers=ada.bearer)).status_code == 204
    await wait_until(
        lambda: client.get("/api/orders", headers=ada.bearer), lambda answer: bool(answer.status_code == 401)
    )
