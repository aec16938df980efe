"""Why Gatepost answers some requests differently from next-auth: a difference has a reason here, or is a bug."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.support.protocol_answers import Answer


@dataclass(frozen=True, slots=True)
class Difference:
    """One part of an answer that differs; a text is empty where a side has nothing."""

    part: str
    theirs: str
    ours: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why some differences are meant. ``shapes`` are (part, theirs, ours), ``cases`` names requests; as patterns."""

    letter: str
    why: str
    cases: str
    shapes: tuple[tuple[str, str, str], ...]

    def explains(self, case: str, difference: Difference) -> bool:
        """Tell whether a difference is meant."""
        found = (difference.part, difference.theirs, difference.ours)
        return re.fullmatch(self.cases, case) is not None and any(
            all(re.fullmatch(pattern, text) for pattern, text in zip(shape, found, strict=True))
            for shape in self.shapes
        )


_CSRF = r"cookie .*next-auth\.csrf-token"
_CALLBACK = r"cookie .*next-auth\.callback-url"
_PLACE_OF_OURS = r"https?://(localhost:3000|gatepost\.example)(/[^/].*)?;.*"
_SESSION = r"cookie .*next-auth\.session-token"
_ERROR = r"\{error: .*\}"
NOT_STORED = Reason(
    "a",
    "Nothing that depends on who asks may be kept by a cache, whoever forgets to say so. On every answer for which "
    "next-auth says nothing; not shown in the table.",
    ".*",
    (("cache-control", "", "(private, no-cache, )?no-store"), ("pragma", "", "no-cache"), ("expires", "", "0")),
)
REASONS = (
    NOT_STORED,
    Reason(
        "b",
        "next-auth writes the csrf and callback cookies with nearly every answer, Gatepost where a form needs them: "
        "the first with a token that is handed out, the second when a destination is chosen.",
        ".*",
        ((_CSRF, r"\(csrf\);.*", ""), (_CALLBACK, "http.*", ""), (_CALLBACK, "", _PLACE_OF_OURS)),
    ),
    Reason(
        "c",
        "The session was ended. next-auth asks nobody: its session lives until it expires, signed out or not. Gatepost "
        "looks at the session's row.",
        "session, cookie of an ended one",
        (("body", r"\{expires: .*\}", r"\{\}"), (_SESSION, r"\(sealed\);.*", r"; .*max-age 0.*")),
    ),
    Reason(
        "d",
        "No verified csrf token. next-auth answers 200, which its client takes for success; Gatepost answers 403.",
        "sign (in|out), (no|wrong) csrf.*",
        (("status", "200", "403"), ("body", r"\{url: .*csrf=true\}", r"\{url: .*csrf=true&error=MissingCSRF\}")),
    ),
    Reason(
        "e",
        "A form sent by a browser is shown again at once, with the error and what was typed, instead of by a redirect "
        "that loses both.",
        ".*, form",
        (
            ("status", "302", "40[13]"),
            ("location", "http.*", ""),
            ("body", "", r"\(page\)"),
            ("content-type", "", "text/html"),
        ),
    ),
    Reason(
        "f",
        "The address is there, the method is not: 405, and `Allow` names those that are (RFC 9110, section 15.5.6).",
        ".*",
        (("status", "200|400|500", "405"), ("allow", "", ".+"), ("body", ".*", r"\{error: This method .*\}")),
    ),
    Reason(
        "g",
        "Errors have one shape, JSON.",
        ".*",
        (("body", "Error: .*|Invalid JSON", _ERROR), ("content-type", "(text/html|text/plain)?", "application/json")),
    ),
    Reason(
        "h",
        "A path that some read as another site, such as `//evil.example`, is no destination.",
        "sign in, to //",
        (("body", r"\{url: .*\}", r"\{url: .*\}"), (_CALLBACK, "http.*", _PLACE_OF_OURS)),
    ),
    Reason(
        "i",
        "Gatepost's sign-in page greets whoever is signed in, and seals the session anew as `/session` does.",
        "sign-in page, signed in",
        ((_SESSION, "", r"\(sealed\);.*"),),
    ),
    Reason(
        "j",
        "The device cookie names the browser's last sign-in, so that a late answer to an earlier request can't undo "
        "it. Only a sign-in sets it.",
        "sign in.*",
        ((r"cookie .*gatepost\.device", "", r"\(device\);.*"),),
    ),
    Reason(
        "k",
        "After the form of the sign-out page, the first page says that it was done.",
        "sign out, form",
        (("location", "https?://[^/]+", r"https?://[^/]+/\?done=signed-out"),),
    ),
)


def compare(theirs: Answer, ours: Answer) -> Iterator[Difference]:
    """Give the differences of two answers."""
    left, right = theirs.everything(), ours.everything()
    for part in sorted({*left, *right}):
        difference = Difference(part, left.get(part, ""), right.get(part, ""))
        if difference.theirs != difference.ours:
            yield difference


def find_reason(case: str, difference: Difference) -> Reason | None:
    """Return why a difference is meant; None when it is a bug."""
    return next((reason for reason in REASONS if reason.explains(case, difference)), None)
