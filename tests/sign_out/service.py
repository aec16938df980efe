"""An external service, plain: 200 for a token that it takes, 401 for one of an ended session and any other.

``python service.py PORT``, with ISSUER, SECRET_KEY, GATEPOST and CREDENTIAL in its environment.
"""

import os
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from follower import EndedSessions
from jose import JWTError, jwt

ended = EndedSessions(os.environ["GATEPOST"], os.environ["CREDENTIAL"])


class Handler(BaseHTTPRequestHandler):
    """Answers one client."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer whether the token opens something."""
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        self.send_response(HTTPStatus.OK if is_good(token) else HTTPStatus.UNAUTHORIZED)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Write nothing."""


def is_good(token: str) -> bool:
    """Tell whether a token is valid, and of a session that was not ended."""
    key, issuer = os.environ["SECRET_KEY"], os.environ["ISSUER"]
    try:
        claims = jwt.decode(token, key, algorithms=["HS256"], audience="gatepost", issuer=issuer)
    except JWTError:
        return False
    return not ended.refuses(claims)


ended.start()
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
