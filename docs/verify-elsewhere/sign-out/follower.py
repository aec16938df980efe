"""Which sessions were ended: follows Gatepost's feed, so that a token is refused soon after its session was ended.

Needs Python 3.11 and nothing else. ``start()`` before the first request is served, in each process that serves some;
then ``refuses(claims)`` for the claims of each token that your library has verified.
"""

import json
import logging
import threading
import time
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPRedirectHandler, Request, build_opener

WAIT = 5  # seconds for which Gatepost holds a request if there is nothing new
PAUSE, LONGEST_PAUSE = 0.1, 2.0  # seconds before the next request


class EndedSessions:
    """The sessions that were ended. Once the feed has been cut for ``patience`` seconds, ``when_cut`` decides.

    "go on": what is known still counts, all else passes. "refuse": every token is refused.
    """

    def __init__(self, gatepost: str, credential: str, when_cut: str = "go on", patience: float = 15) -> None:
        if when_cut not in {"go on", "refuse"}:
            raise ValueError("when_cut is 'go on' or 'refuse'")
        self._url = urljoin(gatepost, "/api/revocations")
        self._headers = {"Authorization": f"Bearer {credential}"}
        self._refuses_when_cut, self._patience = when_cut == "refuse", patience
        self._opener = build_opener(_NoRedirect)
        self._ended: dict[str, int] = {}  # session id: until when that matters
        self._since, self._position = 0, {"epoch": "", "after": 0}
        self._heard_at, self._has_caught_up = float("-inf"), threading.Event()

    def start(self) -> None:
        """Follow from now on; return once all that ended before is known, or after ``patience`` seconds without."""
        threading.Thread(target=self._follow, daemon=True).start()
        self._has_caught_up.wait(self._patience)

    def refuses(self, claims: dict) -> bool:
        """Tell whether a token's session was ended, or may have been."""
        if claims["sid"] in self._ended or claims["iat"] < self._since:
            return True
        is_cut = not self._has_caught_up.is_set() or time.monotonic() - self._heard_at > self._patience
        return is_cut and self._refuses_when_cut

    def _follow(self) -> None:
        pause = PAUSE
        while True:
            try:
                is_new, pause = self._read(), PAUSE
            except Exception as error:  # whatever it is, it must go on
                logging.getLogger("gatepost").warning("The feed of ended sessions is cut: %s", error)
                is_new, pause = False, min(2 * pause, LONGEST_PAUSE)
            if not is_new:
                time.sleep(pause)

    def _read(self) -> bool:
        """Take a page; tell whether it brought anything."""
        wait = WAIT if self._has_caught_up.is_set() else 0
        request = Request(f"{self._url}?{urlencode({**self._position, 'wait': wait})}", headers=self._headers)
        with self._opener.open(request, timeout=wait + WAIT) as answer:
            page = json.load(answer)
        known = {**self._ended, **{each["sid"]: each["until"] for each in page["ended"]}}
        self._ended = {sid: until for sid, until in known.items() if until > time.time()}
        self._since = max(self._since, page["since"])
        self._position, self._heard_at = {"epoch": page["epoch"], "after": page["last"]}, time.monotonic()
        if not page["ended"]:
            self._has_caught_up.set()
        return bool(page["ended"])


class _NoRedirect(HTTPRedirectHandler):
    """Follows no redirect, which would get the credential too."""

    def redirect_request(self, *_: object) -> None:
        """Let it be the error that it is."""
