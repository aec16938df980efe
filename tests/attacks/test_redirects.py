"""Redirects: signing in and out leads to pages of ours, wherever somebody's link asked to be led.

Once with one host, and once with several that share the sign-in: then every case is tried with each of their origins in
it. Signing in is tried at each in turn, for each try costs a hash of a password.
"""

import html
import itertools
import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, unquote, urlsplit

import httpx2
import pytest

from tests.support.attacks import Sample, read_list, report, send_bytes
from tests.support.browser_urls import find_origin
from tests.support.next_auth import CALLBACK, CALLBACK_COOKIE, get_csrf_token
from tests.support.people import PASSWORD, Person, sign_up_and_in
from tests.support.running_stack import running_stack
from tests.support.several_hosts import APP, ID, WIKI, started_hosts

SIGN_IN = "/api/auth/signin"
SIGN_OUT = "/api/auth/signout"

Record = Callable[[str, object], None]


@dataclass(frozen=True, slots=True)
class Attacked:
    """A stack under attack: its origins, the one where people sign in first, and the gateway's port."""

    origins: tuple[str, ...]
    port: int
    create_client: Callable[[], httpx2.AsyncClient]

    @property
    def own(self) -> str:
        """The origin where people sign in."""
        return self.origins[0]

    def is_ours(self, place: str, at: str | None = None) -> bool:
        """Tell whether a browser that is at one of our origins stays on one, by the most careful reading."""
        origin = find_origin(place, f"{at or self.own}/api/auth/signin")
        return origin in self.origins and place.isprintable()

    def is_written_out(self, place: str) -> bool:
        """Tell whether a destination begins with an origin of ours, and stays there."""
        return self.is_ours(place) and place.startswith(self.origins)


@pytest.fixture(scope="module", params=["one host", "several hosts"])
def attacked(request: pytest.FixtureRequest) -> Iterator[Attacked]:
    """Give a running stack."""
    if request.param == "several hosts":
        with started_hosts() as hosts:
            yield Attacked((ID, APP, WIKI), hosts.port, hosts.client)
        return
    with running_stack() as urls:
        port = int(urls.gateway.rpartition(":")[2])
        yield Attacked((urls.gateway,), port, lambda: httpx2.AsyncClient(base_url=urls.gateway, timeout=10))


@pytest.fixture(scope="module")
def wanted(attacked: Attacked) -> list[str]:
    """Give every case of the list, for each origin."""
    return list(
        dict.fromkeys(
            case.replace("{own}", origin).replace("{host}", origin.partition("//")[2])
            for case in read_list("redirects.txt")
            for origin in attacked.origins
        )
    )


@pytest.fixture
async def client(attacked: Attacked) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a browser's client."""
    async with attacked.create_client() as client:
        yield client


@pytest.fixture
async def ada(client: httpx2.AsyncClient) -> Person:
    """Give somebody who has an account."""
    return await sign_up_and_in(client, "Ada Lovelace")


async def test_the_list_leads_elsewhere(attacked: Attacked, wanted: list[str]) -> None:
    """Most of the listed texts, followed as they are, take a browser to another site or run: these attacks are real."""
    assert sum(not attacked.is_ours(case) for case in wanted) > len(wanted) / 2


async def test_signing_in_leads_to_us(
    client: httpx2.AsyncClient,
    ada: Person,
    attacked: Attacked,
    wanted: list[str],
    record_property: Record,
    sample: Sample,
) -> None:
    """Asked by the form or by a cookie, with a redirect or in JSON: the browser stays on our site."""
    tried = sample(wanted)
    report(record_property, cases=2 * len(tried))
    form = {"csrfToken": await get_csrf_token(client), "username": ada.email, "password": PASSWORD}
    csrf = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    client.cookies.clear()
    led_away = []
    for case, at in zip(tried, itertools.cycle(attacked.origins)):
        cookie = f"{csrf}; {CALLBACK_COOKIE}={quote(case, safe='')}"
        form_asks = await client.post(at + CALLBACK, data={**form, "callbackUrl": case}, headers={"Cookie": csrf})
        cookie_asks = await client.post(at + CALLBACK, data={**form, "json": "true"}, headers={"Cookie": cookie})
        client.cookies.clear()
        places = [form_asks.headers["location"], cookie_asks.json()["url"]]
        places += [*find_callback_cookies(form_asks), *find_callback_cookies(cookie_asks)]
        led_away += [(case, place) for place in places if not attacked.is_written_out(place)]
    assert led_away == []


async def test_signing_out_and_going_on_lead_to_us(
    client: httpx2.AsyncClient, ada: Person, attacked: Attacked, wanted: list[str], record_property: Record
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
        led_away += [(case, link) for link in find_links(page.text) if not attacked.is_ours(link)]
    for case in wanted:
        out = await client.post(SIGN_OUT, data={"csrfToken": token, "callbackUrl": case, "json": "true"})
        led_away += [(case, out.json()["url"])] if not attacked.is_written_out(out.json()["url"]) else []
    assert led_away == []


@pytest.mark.parametrize("attacked", ["several hosts"], indirect=True, scope="module")
async def test_moving_to_the_public_name_leads_to_us(
    client: httpx2.AsyncClient, attacked: Attacked, wanted: list[str], record_property: Record
) -> None:
    """The sign-in page that is opened at another host leads to the public one, and from there to a host of ours."""
    others = attacked.origins[1:]
    report(record_property, cases=len(wanted) * len(others))
    led_away = []
    for at in others:
        for case in wanted:
            answer = await client.get(at + SIGN_IN, params={"callbackUrl": case})
            place = urlsplit(answer.headers["location"])
            back = parse_qs(place.query)["callbackUrl"]
            is_public = f"{place.scheme}://{place.netloc}" == attacked.own
            led_away += [(case, back)] if not (is_public and all(map(attacked.is_written_out, back))) else []
    assert led_away == []


async def test_the_gateway_leads_to_us(attacked: Attacked, wanted: list[str], record_property: Record) -> None:
    """Whatever page somebody asks the gateway for, it sends nobody to another site."""
    report(record_property, cases=len(wanted) * len(attacked.origins))
    led_away = []
    for at in attacked.origins:
        for case in wanted:
            head = f"GET {case} HTTP/1.1\r\nHost: {at.partition('//')[2]}\r\nConnection: close\r\n\r\n"
            answer = await send_bytes(attacked.port, head.encode(), patience=1)
            places = re.findall(rb"\r\nlocation: ([^\r]*)", answer, re.IGNORECASE)
            led_away += [(case, place) for place in places if not attacked.is_ours(place.decode("latin-1"), at)]
    assert led_away == []


async def test_pages_of_ours_are_led_to(client: httpx2.AsyncClient, ada: Person, attacked: Attacked) -> None:
    """Where somebody wanted to go on a site of ours is where they land."""
    form = {"csrfToken": await get_csrf_token(client), "username": ada.email, "password": PASSWORD}
    for place in ("/", "/userposts/7?x=//y&z=http://evil.example#top", "/posts/%EA%B8%80%20a", "/userposts/"):
        answer = await client.post(CALLBACK, data={**form, "callbackUrl": place})
        assert answer.headers["location"] == attacked.own + place
        for origin in attacked.origins:
            answer = await client.post(CALLBACK, data={**form, "callbackUrl": origin + place})
            assert answer.headers["location"] == origin + place


def find_callback_cookies(answer: httpx2.Response) -> list[str]:
    """Return what an answer has the browser remember of where to go."""
    lines = [line for line in answer.headers.get_list("set-cookie") if "Max-Age=0" not in line]
    values = [line.partition("=")[2].partition(";")[0] for line in lines if line.startswith(CALLBACK_COOKIE)]
    return [unquote(value) for value in values]


def find_links(page: str) -> list[str]:
    """Return where a page's links, forms and remembered places lead, as a browser reads them."""
    found = re.findall(r'(?:href|action|src|name="callbackUrl" value)="([^"]*)"', page)
    return [html.unescape(place) for place in found]
