"""Signs in, reads one's own posts, and signs out: a program with nothing but the standard library."""

import json
import os
from http import HTTPStatus
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen


class Gatepost:
    """A session. Its access token is valid for an hour; the refresh token, good for once, gives a new pair."""

    def __init__(self, url: str, email: str, password: str) -> None:
        self.url, self.tokens = url, {}
        self.tokens = self.user = self._send("POST", "/api/login", {"username": email, "password": password})

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Return what the API answers, with new tokens if the old one has run out."""
        try:
            return self._send(method, path, body)
        except HTTPError as refusal:
            if refusal.code != HTTPStatus.UNAUTHORIZED:
                raise
        self.tokens = self._send("POST", "/api/token", {"refreshToken": self.tokens["refreshToken"]})
        return self._send(method, path, body)

    def _send(self, method: str, path: str, body: object) -> Any:
        headers = {"Authorization": f"Bearer {self.tokens.get('accessToken', '')}", "Content-Type": "application/json"}
        request = Request(self.url + path, json.dumps(body).encode() if body else None, headers, method=method)
        with urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or "null")


if __name__ == "__main__":
    try:
        session = Gatepost(os.environ["GATEPOST_URL"], os.environ["EMAIL"], os.environ["PASSWORD"])
        for post in session.ask("GET", f"/api/user/{session.user['id']}"):
            print(post["title"])
        session.ask("POST", "/api/logout")
    except HTTPError as refusal:
        raise SystemExit(f"{refusal.code}: {json.load(refusal)['error']}") from None
