"""Two servers of the NextAuth protocol under one public URL, next-auth's own and Gatepost, and a browser for each."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from shared.tokens.protocol import Protocol
from shared.tokens.session_cookie import CookieNames
from tests.support.people import PASSWORD
from tests.support.protocol_answers import Answer, read_answer, update_jar
from tests.support.protocol_cases import SIGN_IN, Case


@dataclass(frozen=True, slots=True)
class ProtocolServer:
    """A server: where it listens, the public URL that it believes in, who has signed up, and what it speaks."""

    url: str
    public_url: str
    email: str
    protocol: Protocol
    addresses: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def ask(self, case: Case) -> Answer:
        """Return the answer to a request, sent by a browser of its own after what it did before."""
        with httpx2.Client(base_url=f"{self.url}/api/auth", timeout=10) as client:
            # Each browser at an address of its own, so that wrong passwords do not add up to a refusal.
            client.headers["X-Forwarded-For"] = f"192.0.2.{next(self.addresses)}"
            browser = _Browser(self, client)
            browser.prepare(case)
            return read_answer(browser.send(case.method, case.path, case.fields, case.kind))


@dataclass(slots=True)
class _Browser:
    server: ProtocolServer
    client: httpx2.Client
    jar: dict[str, str] = field(default_factory=dict)
    csrf: str = ""

    def prepare(self, case: Case) -> None:
        if case.before != "nothing":
            self.csrf = self.send("GET", "/csrf").json()["csrfToken"]
        if case.before in {"signed in", "signed out"}:
            self._submit(SIGN_IN, username=self.server.email, password=PASSWORD)
        if case.before == "signed out":
            ended = dict(self.jar)
            self._submit("/signout")
            self.jar = ended
        names = CookieNames.of(self.server.public_url, self.server.protocol)
        prefixes = {"csrf-token": names.csrf, "callback-url": names.callback}
        for name, value in case.cookies.items():
            full = prefixes.get(name) or names.session + name.removeprefix("session-token")
            self.jar[full] = self._fill_in(value)

    def send(
        self, method: str, path: str, fields: Mapping[str, object] | None = None, kind: str = "form"
    ) -> httpx2.Response:
        host = self.server.public_url.partition("://")[2]
        headers = {"Host": host, "Origin": self.server.public_url, "Sec-Fetch-Site": "same-origin"}
        if self.jar:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        body: dict[str, Any] = {}
        header = self.server.protocol.json_header
        if header is not None and fields is not None and fields.get("json") == "true":
            headers[header] = "1"
            fields = {name: each for name, each in fields.items() if name != "json"}
        if fields is not None:
            filled = {name: self._fill_in(each) if isinstance(each, str) else each for name, each in fields.items()}
            body = {"json": filled} if kind == "json" else {"data": filled}
            headers["Content-Type"] = "application/x-www-form-urlencoded" if kind == "form" else "application/json"
        response = self.client.request(method, path, headers=headers, **body)
        update_jar(self.jar, response)
        return response

    def _submit(self, path: str, **fields: str) -> None:
        answer = self.send("POST", path, {"csrfToken": self.csrf, "json": "true", **fields})
        assert answer.status_code == 200, answer.text
        assert "error" not in answer.text

    def _fill_in(self, text: str) -> str:
        known = {"{csrf}": self.csrf, "{email}": self.server.email, "{base}": self.server.public_url}
        for place, value in known.items():
            text = text.replace(place, value)
        return text
