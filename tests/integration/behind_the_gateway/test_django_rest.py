"""Django REST framework with tokens of its own, beside sessions of ours; and Django's admin for staff."""

import re
from collections.abc import Iterator

import httpx2
import pytest
from playwright.async_api import BrowserContext, expect

from tests.support.browser import sign_in
from tests.support.people import Person
from tests.support.recipes import Operate, Recipes, Running
from tests.support.running_stack import StackUrls

PASSWORD = "the shop's own"


@pytest.fixture(scope="module", autouse=True)
def shop(recipes: Recipes, stack: StackUrls) -> Iterator[Running]:
    """Give the application, whose administrator is ada."""
    settings = {"SHOP_SECRET": "k" * 32, "PUBLIC_URL": stack.gateway, "DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    with recipes.running("django-rest", **settings) as running:
        yield running


async def get_own_token(client: httpx2.AsyncClient) -> dict[str, str]:
    """Return the header with a token that the shop issued to ada."""
    answer = await client.post("/shop/api/token/", json={"username": "ada", "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access']}"}


async def test_its_own_tokens_count(visitor: httpx2.AsyncClient) -> None:
    """A client gets a token of the shop's, and orders with it; without one it can only read, a wrong one is 401."""
    own = await get_own_token(visitor)
    placed = await visitor.post("/shop/api/orders/", json={"item": "tea"}, headers=own)
    assert (placed.status_code, placed.json()) == (201, {"item": "tea", "by": "ada"})
    assert (await visitor.get("/shop/api/orders/", headers=own)).json()["asked_by"] == "ada"
    assert (await visitor.get("/shop/api/orders/")).json()["asked_by"] == ""
    assert (await visitor.post("/shop/api/orders/", json={"item": "tea"})).status_code == 401
    wrong = {"Authorization": "Bearer wrong"}
    assert (await visitor.get("/shop/api/orders/", headers=wrong)).status_code == 401


async def test_a_session_here_is_not_in_the_way(colleague: httpx2.AsyncClient) -> None:
    """Who has signed in here reads like anybody, and orders with a token of the shop's."""
    assert (await colleague.get("/shop/api/orders/")).json()["asked_by"] == ""
    own = await get_own_token(colleague)
    assert (await colleague.get("/shop/api/orders/", headers=own)).json()["asked_by"] == "ada"
    assert (await colleague.get("/api/auth/session")).json() != {}


async def test_our_token_is_none_of_theirs(visitor: httpx2.AsyncClient, grace: Person) -> None:
    """A token of ours names nobody to the shop, and neither does a header."""
    assert (await visitor.get("/shop/api/orders/", headers=grace.bearer)).status_code == 401
    answer = await visitor.get("/shop/api/orders/", headers={"Remote-User": "ada", "X-Remote-User": "ada"})
    assert answer.json()["asked_by"] == ""


async def test_the_admin_is_for_staff(
    context: BrowserContext, grace: Person, operate: Operate, stack: StackUrls
) -> None:
    """Who has the role here, and an account there, signs in twice and adds a user with Django's own forms."""
    operate("user", "role", str(grace.id), "--add", "staff")
    page = await context.new_page()
    await page.goto("/shop/admin/")
    await sign_in(page, grace)
    await expect(page).to_have_url(f"{stack.gateway}/shop/admin/login/?next=/shop/admin/")
    await page.get_by_label("Username").fill("ada")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()
    await page.get_by_role("link", name="Groups").click()
    await page.get_by_role("link", name=re.compile("Add group", re.IGNORECASE)).first.click()
    await page.get_by_label("Name").fill("Packers")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_text("was added successfully")).to_be_visible()


async def test_the_admin_is_for_nobody_else(colleague: httpx2.AsyncClient, visitor: httpx2.AsyncClient) -> None:
    """Anonymous callers, and others who have signed in here, don't come as far as Django's form."""
    assert (await colleague.get("/shop/admin/login/")).status_code == 403
    for headers in (await get_own_token(visitor), {"Remote-Groups": "staff"}, {}):
        answer = await visitor.get("/shop/admin/login/", headers=headers)
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (302, "/api/auth/signin")
