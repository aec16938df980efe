"""Redirects: signing in and out leads to pages of ours, wherever somebody's link asked to be led."""

import html
import re
from collections.abc import AsyncIterator, Callable, Iterator
from urllib.parse import quote, unquote

import httpx2
import pytest

from tests.support.attacks import read_list, report, send_bytes
from tests.support.browser_urls import find_origin
from tests.support.next_auth import CALLBACK, CALLBACK_COOKIE, get_csrf_token
from tests.support.people import PASSWORD, Person, sign_up_and_in
from tests.support.running_stack import running_stack

SIGN_IN = "/api/auth/signin"
SIGN_OUT = "/api/auth/signout"

Record = Callable[[str, object], None]


@pytest.fixture(scope="module")
def own() -> Iterator[str]:
    """Give the public origin of a running stack."""
    with running_stack() as urls:
        yield urls.gateway


@pytest.fixture(scope="module")
def wanted(own: str) -> list[str]:
    """Give every case of the list."""
    return [case.replace("{own}", own).replace("{host}", own.partition("//")[2]) for case in read_list("redirects.txt")]


@pytest.fixture
async def client(own: str) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a browser's client."""
    async with httpx2.AsyncClient(base_url=own, timeout=10) as client:
        yield client


@pytest.fixture
async def ada(client: httpx2.AsyncClient) -> Person:
    """Give somebody who has an account."""
    return await sign_up_and_in(client, "Ada Lovelace")


async def test_the_list_leads_elsewhere(own: str, wanted: list[str]) -> None:
    """Most of the listed texts, followed as they are, take a browser to another site or run: these attacks are real."""
    assert sum(find_origin(case, f"{own}/api/auth/signin") != own for case in wanted) > len(wanted) / 2


async def test_signing_in_leads_to_us(
    client: httpx2.AsyncClient, ada: Person, own: str, wanted: list[str], record_property: Record
) -> None:
    """Asked by the form or by a cookie, with a redirect or in JSON: the browser stays on our site."""
    report(record_property, cases=2 * len(wanted))
    form = {"csrfToken": await get_csrf_token(client), "username": ada.email, "password": PASSWORD}
    csrf = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    client.cookies.clear()
    led_away = []
    for case in wanted:
        cookie = f"{csrf}; {CALLBACK_COOKIE}={quote(case, safe='')}"
        form_asks = await client.post(CALLBACK, data={**form, "callbackUrl": case}, headers={"Cookie": csrf})
        cookie_asks = await client.post(CALLBACK, data={**form, "json": "true"}, headers={"Cookie": cookie})
        client.cookies.clear()
        places = [form_asks.headers["location"], cookie_asks.json()["url"]]
        places += [*find_callback_cookies(form_asks), *find_callback_cookies(cookie_asks)]
        led_away += [(case, place) for place in places if not is_ours(place, own)]
    assert led_away == []


async def test_signing_out_and_going_on_lead_to_us(
    client: httpx2.AsyncClient, ada: Person, own: str, wanted: list[str], record_property: Record
) -> None:
    """The sign-in page's link to go on, the fields of its form and the end of a session stay on our site."""
    report(record_property, cases=3 * len(wanted))
    token = await get_csrf_token(client)
    form = {"csrfToken": token, "username": ada.email, "password": PASSWORD, "json": "true"}
    led_away = []
    pages = [await client.get(SIGN_IN, params={"callbackUrl": case}) for case in wanted]
    assert (await client.post(CALLBACK, data=form)).status_code == 200
    pages += [await client.get(SIGN_IN, params={"callbackUrl": case}) for case in wanted]
    for case, page in zip([*wanted, *wanted], pages, strict=True):
        led_away += [(case, link) for link in find_links(page.text) if find_origin(link, f"{own}{SIGN_IN}") != own]
    for case in wanted:
        out = await client.post(SIGN_OUT, data={"csrfToken": token, "callbackUrl": case, "json": "true"})
        led_away += [(case, out.json()["url"])] if not is_ours(out.json()["url"], own) else []
    assert led_away == []


async def test_the_gateway_leads_to_us(own: str, wanted: list[str], record_property: Record) -> None:
    """Whatever page somebody asks the gateway for, it sends nobody to another site."""
    report(record_property, cases=len(wanted))
    led_away = []
    for case in wanted:
        head = f"GET {case} HTTP/1.1\r\nHost: {own.partition('//')[2]}\r\nConnection: close\r\n\r\n"
        answer = await send_bytes(int(own.rpartition(":")[2]), head.encode(), patience=1)
        places = re.findall(rb"\r\nlocation: ([^\r]*)", answer, re.IGNORECASE)
        led_away += [(case, place) for place in places if find_origin(place.decode("latin-1"), own + "/") != own]
    assert led_away == []


async def test_pages_of_ours_are_led_to(client: httpx2.AsyncClient, ada: Person, own: str) -> None:
    """Where somebody wanted to go on our own site is where they land."""
    form = {"csrfToken": await get_csrf_token(client), "username": ada.email, "password": PASSWORD}
    for place in ("/", "/userposts/7?x=//y&z=http://evil.example#top", "/posts/%EA%B8%80%20a", "/userposts/"):
        for case in (place, own + place):
            answer = await client.post(CALLBACK, data={**form, "callbackUrl": case})
            assert answer.headers["location"] == own + place


def is_ours(place: str, own: str) -> bool:
    """Tell whether a browser stays on our site, by the most careful reading."""
    return find_origin(place, f"{own}/api/auth/signin") == own and place.startswith(own) and place.isprintable()


def find_callback_cookies(answer: httpx2.Response) -> list[str]:
    """Return what an answer has the browser remember of where to go."""
    lines = answer.headers.get_list("set-cookie")
    values = [line.partition("=")[2].partition(";")[0] for line in lines if line.startswith(CALLBACK_COOKIE)]
    return [unquote(value) for value in values]


def find_links(page: str) -> list[str]:
    """Return where a page's links, forms and remembered places lead, as a browser reads them."""
    found = re.findall(r'(?:href|action|src|name="callbackUrl" value)="([^"]*)"', page)
    return [html.unescape(place) for place in found]
