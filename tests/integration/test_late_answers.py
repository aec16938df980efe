"""Answers that come late and in another order: who is signed in stays so, who is out stays out.

A proxy ahead of the gateway imposes the order, and nothing here depends on time. Each walk is what happens in one
browser at about the same time, in as many tabs as there are steps. A step is a request that is sent with the cookies
the browser has by then, and an answer that arrives later; ``list_orders`` says which orders of them are run.
"""

import asyncio
import itertools
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

import httpx2
import pytest

from tests.support.forged_tokens import let_run_out
from tests.support.holding_proxy import Held, HoldingProxy
from tests.support.next_auth import CALLBACK, SEALER, SESSION_COOKIE
from tests.support.people import PASSWORD, Person, sign_up_and_in
from tests.support.running_stack import started_stack
from tests.support.victim import running_app
from tests.support.waiting import ask_until_available

STEP = "x-step"  # the header by which the proxy knows a step's request
PAGE = "/userposts"

Record = Callable[[str, object], None]


@dataclass(frozen=True, slots=True)
class Site:
    """The site as browsers see it, through the proxy, and who has an account there."""

    url: str
    proxy: HoldingProxy
    ada: Person
    grace: Person


class Browser:
    """A browser: what it sends carries the cookies that it has, and each answer changes them when it arrives."""

    def __init__(self, site: Site, client: httpx2.AsyncClient, csrf: str) -> None:
        self.site = site
        self.client = client
        self.csrf = csrf

    async def poll(self, headers: dict[str, str]) -> httpx2.Response:
        """Ask for the session, as every open tab does now and then."""
        return await self.client.get("/api/auth/session", headers=headers)

    async def page(self, headers: dict[str, str]) -> httpx2.Response:
        """Open a page behind the gateway, which renews the session where it has to; again where it could not yet."""
        return await ask_until_available(lambda: self.client.get(PAGE, headers=headers))

    async def update(self, headers: dict[str, str]) -> httpx2.Response:
        """Do what ``update()`` does: change the session's name, here to what it is."""
        body = {"csrfToken": self.csrf, "data": {}}
        return await self.client.post("/api/auth/session", json=body, headers=headers)

    async def sign_in(self, headers: dict[str, str], person: Person | None = None) -> httpx2.Response:
        """Sign in, as Ada if nobody is named."""
        form = {"csrfToken": self.csrf, "username": (person or self.site.ada).email, "password": PASSWORD}
        return await self.client.post(CALLBACK, data={**form, "json": "true"}, headers=headers)

    async def sign_in_as_grace(self, headers: dict[str, str]) -> httpx2.Response:
        """Sign in as somebody else."""
        return await self.sign_in(headers, self.site.grace)

    async def sign_out(self, headers: dict[str, str]) -> httpx2.Response:
        """Sign out."""
        form = {"csrfToken": self.csrf, "json": "true"}
        return await self.client.post("/api/auth/signout", data=form, headers=headers)

    async def change_password(self, headers: dict[str, str]) -> httpx2.Response:
        """Change the password, to the same: all other sessions of the user end."""
        form = {"csrfToken": self.csrf, "currentPassword": PASSWORD, "newPassword": PASSWORD}
        own = {**headers, "origin": self.site.url}
        return await self.client.post("/account/password", data=form, headers=own)

    def let_token_run_out(self) -> None:
        """Put a session cookie in place whose access token has expired, of the session that there is."""
        now = int(time.time())
        claims = SEALER.open(self.client.cookies[SESSION_COOKIE], now)
        assert claims is not None
        self.client.cookies.delete(SESSION_COOKIE)
        sealed = SEALER.seal({**claims, "accessToken": let_run_out(str(claims["accessToken"]))}, now)
        self.client.cookies.set(SESSION_COOKIE, sealed, domain="localhost.local")


Step = Callable[[Browser, dict[str, str]], Awaitable[httpx2.Response]]


@dataclass(frozen=True, slots=True)
class Walk:
    """What happens at about the same time, after Ada has signed in; ``is_stale``: and her access token has run out."""

    name: str
    steps: tuple[Step, ...]
    is_stale: bool = False


POLL, OPEN, UPDATE, OUT = Browser.poll, Browser.page, Browser.update, Browser.sign_out
IN, IN_AS_GRACE, PASSWORD_CHANGE = Browser.sign_in, Browser.sign_in_as_grace, Browser.change_password
SIGN_INS: dict[Step, str] = {IN: "Ada Lovelace", IN_AS_GRACE: "Grace Hopper"}

WALKS = [
    Walk("sign in again while a tab polls", (POLL, IN, OPEN)),
    Walk("sign in as somebody else while a tab polls", (POLL, IN_AS_GRACE, OPEN)),
    Walk("sign in as somebody else while a tab updates", (UPDATE, IN_AS_GRACE)),
    Walk("sign in in two tabs", (IN, IN_AS_GRACE, POLL)),
    Walk("sign out while other tabs poll", (POLL, OUT, OPEN)),
    Walk("sign out and in as somebody else", (OUT, IN_AS_GRACE, POLL)),
    Walk("the gateway renews while tabs poll", (OPEN, OPEN, POLL), is_stale=True),
    Walk("sign in again while the gateway renews", (OPEN, IN, POLL), is_stale=True),
    Walk("sign in as somebody else while the gateway renews", (OPEN, IN_AS_GRACE), is_stale=True),
    Walk("sign out while the gateway renews", (OPEN, OUT, POLL), is_stale=True),
    Walk("change the password while tabs poll", (PASSWORD_CHANGE, POLL, OPEN)),
    Walk("change the password while the gateway renews", (PASSWORD_CHANGE, OPEN), is_stale=True),
    Walk("sign out while the password is changed", (PASSWORD_CHANGE, OUT)),
]


@dataclass(frozen=True, slots=True)
class Moment:
    """A step's request is sent, or its answer arrives."""

    step: int
    is_arrival: bool


def list_orders(steps: int) -> Iterator[tuple[Moment, ...]]:
    """Give the orders in which requests are sent and answers arrive, each answer after its request.

    Of two steps every order; of three those in which all are under way at once, sent in the order that is told or the
    other way around and answered in any, and those in which one is under way all the while that the others happen.
    """
    sent, arrived = ([Moment(step, is_arrival) for step in range(steps)] for is_arrival in (False, True))
    if steps == 2:
        for order in itertools.permutations([*sent, *arrived]):
            if all(order.index(sent[step]) < order.index(arrived[step]) for step in range(steps)):
                yield order
        return
    for first, *rest in itertools.permutations(arrived):
        yield *sent, first, *rest
        yield *reversed(sent), first, *rest
    for late, *others in itertools.permutations(range(steps)):
        yield sent[late], *(moment for step in others for moment in (sent[step], arrived[step])), arrived[late]


def find_expected(walk: Walk, order: Sequence[Moment]) -> str | None:
    """Return who is signed in at the end.

    That is who signed in by the answer that arrived last, unless the browser signed out of that very session
    afterwards; without a sign-in it is Ada, unless the browser signed out.
    """
    expected: str | None = SIGN_INS[IN]
    for moment in order:
        step = walk.steps[moment.step]
        if moment.is_arrival and step in SIGN_INS:
            expected = SIGN_INS[step]
        elif not moment.is_arrival and step is OUT:
            expected = None
    return expected


@pytest.fixture(scope="module")
async def site() -> AsyncIterator[Site]:
    """Give a site behind the proxy, with two people."""
    proxy = HoldingProxy()
    async with running_app(proxy) as port:
        url = f"http://localhost:{port}"
        with started_stack({"NEXTAUTH_URL": url}) as stack:
            proxy.target = stack.gateway
            async with open_client(url) as client:
                ada, grace = [await sign_up_and_in(client, name) for name in ("Ada Lovelace", "Grace Hopper")]
                yield Site(url, proxy, ada, grace)
        await proxy.close()


def open_client(url: str) -> httpx2.AsyncClient:
    """Return a client that keeps its cookies as a browser does."""
    return httpx2.AsyncClient(base_url=url, timeout=20, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


async def run(site: Site, walk: Walk, order: Sequence[Moment]) -> tuple[str | None, str | None, str | None]:
    """Walk in a new browser; return who ``/session`` says is signed in, whose the page is, and the same once more."""
    async with open_client(site.url) as client:
        browser = Browser(site, client, (await client.get("/api/auth/csrf")).json()["csrfToken"])
        assert (await browser.sign_in({})).status_code == 200
        if walk.is_stale:
            browser.let_token_run_out()
        sent: dict[int, tuple[Held, asyncio.Task[httpx2.Response]]] = {}
        for moment in order:
            if moment.is_arrival:
                held, task = sent[moment.step]
                held.release()
                assert (await task).status_code < 500
            else:
                held = site.proxy.hold_next(lambda request, step=str(moment.step): request.headers.get(STEP) == step)
                sending = walk.steps[moment.step](browser, {STEP: str(moment.step)})
                sent[moment.step] = held, asyncio.ensure_future(sending)
                await held.arrived()
        first = find_name(await browser.poll({}))
        page = await browser.page({})
        return first, find_reader(page, site), find_name(await browser.poll({}))


def find_name(answer: httpx2.Response) -> str | None:
    """Return who an answer to a poll says is signed in."""
    assert answer.status_code == 200
    session = answer.json()
    return session["user"]["name"] if session else None


def find_reader(page: httpx2.Response, site: Site) -> str | None:
    """Return whose a page is; None where it leads to the sign-in page."""
    if page.status_code == 302:
        return None
    assert page.status_code == 200
    (name,) = [person.name for person in (site.ada, site.grace) if person.name in page.text]
    return name


@pytest.mark.parametrize("walk", WALKS, ids=[walk.name.replace(" ", "-") for walk in WALKS])
async def test_whatever_arrives_when(site: Site, walk: Walk, record_property: Record) -> None:
    """After every order of the walk the right person is signed in, here and behind the gateway, or nobody."""
    orders = list(list_orders(len(walk.steps)))
    record_property("orders", len(orders))
    wrong = []
    for order in orders:
        expected, found = find_expected(walk, order), await run(site, walk, order)
        if found != (expected,) * 3:
            shown = [f"{'<-' if moment.is_arrival else '->'}{walk.steps[moment.step].__name__}" for moment in order]
            wrong.append((" ".join(shown), expected, found))
    assert wrong == [], f"{len(wrong)} of {len(orders)} orders"
