"""A site behind a proxy with TLS, under a name that leads nowhere here: clients of it, and what is to hold there."""

import ssl
from pathlib import Path

import httpx2

from tests.support.next_auth import get_session, sign_in
from tests.support.people import Person, sign_up_and_in

DOMAIN = "gate.example.com"
SESSION_COOKIE = "__Secure-next-auth.session-token"
CSRF_COOKIE = "__Host-next-auth.csrf-token"
UPGRADE = {
    "connection": "upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",  # RFC 6455, section 1.3
}


class ToThisMachine(httpx2.AsyncHTTPTransport):
    """Sends what is for the site to a port of this machine, and believes its certificate by one authority alone."""

    def __init__(self, port: int, authority: Path, client_address: str | None = None) -> None:
        verify = ssl.create_default_context(cafile=str(authority))
        super().__init__(verify=verify, local_address=client_address)
        self._port = port

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request."""
        assert request.url.host == DOMAIN
        here = request.url.copy_with(host="127.0.0.1", port=self._port)
        extensions = {**request.extensions, "sni_hostname": DOMAIN}
        sent = httpx2.Request(
            request.method, here, headers=request.headers, stream=request.stream, extensions=extensions
        )
        return await super().handle_async_request(sent)


def site_client(port: int, authority: Path, client_address: str | None = None) -> httpx2.AsyncClient:
    """Give a client of the site, with cookies of its own."""
    transport = ToThisMachine(port, authority, client_address)
    return httpx2.AsyncClient(base_url=f"https://{DOMAIN}", transport=transport, timeout=15)


def write_curl_settings(folder: Path, http_port: int, https_port: int, authority: Path) -> None:
    """Let curl find the site here, and believe the authority, where CURL_HOME is the folder."""
    lines = [
        f'connect-to = "{DOMAIN}:80:127.0.0.1:{http_port}"',
        f'connect-to = "{DOMAIN}:443:127.0.0.1:{https_port}"',
        f'cacert = "{authority}"',
        'noproxy = "*"',
    ]
    (folder / ".curlrc").write_text("\n".join(lines) + "\n")


async def check_site(client: httpx2.AsyncClient) -> Person:
    """Sign up and in as a browser does, and check what TLS in front is to bring; returns who it was.

    Cookies that go by https alone, pages that are asked for by https from now on, no WebSocket where no rule opens a
    path to it.
    """
    person = await sign_up_and_in(client, "Ada Lovelace")
    answer = await sign_in(client, person.email)
    assert answer.status_code == 200, answer.text
    cookies = {cookie.name: cookie for cookie in client.cookies.jar}
    assert {SESSION_COOKIE, CSRF_COOKIE} <= set(cookies)
    assert all(cookie.secure for cookie in cookies.values())
    user = (await get_session(client))["user"]
    assert isinstance(user, dict)
    assert user["email"] == person.email
    page = await client.get("/userposts")
    assert (page.status_code, page.headers["strict-transport-security"]) == (200, "max-age=31536000")
    upgrade = await client.get("/api/me", headers=UPGRADE | person.bearer)
    assert upgrade.status_code == 403, upgrade.text
    return person
