"""Why Gatepost answers some requests differently from next-auth: a difference has a reason here, or is a bug."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from shared.tokens.protocol import Version
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


_CSRF = r"cookie .*(next-auth|authjs)\.csrf-token"
_CALLBACK = r"cookie .*(next-auth|authjs)\.callback-url"
_PLACE_OF_OURS = r"https?://(localhost:3000|gatepost\.example)(/[^/].*)?;.*"
_SESSION = r"cookie .*(next-auth|authjs)\.session-token"
_ERROR = r"\{error: .*\}"
NOT_STORED = Reason(
    "a",
    "Nothing that depends on who asks may be kept by a cache, whoever forgets to say so. On every answer for which "
    "next-auth says nothing; not shown in the table.",
    ".*",
    (("cache-control", "", "(private, no-cache, )?no-store"), ("pragma", "", "no-cache"), ("expires", "", "0")),
)
COOKIES_WHERE_NEEDED = Reason(
    "b",
    "next-auth writes the csrf and callback cookies with nearly every answer, Gatepost where a form needs them: "
    "the first with a token that is handed out, the second when a destination is chosen.",
    ".*",
    ((_CSRF, r"\(csrf\);.*", ""), (_CALLBACK, "http.*", ""), (_CALLBACK, "", _PLACE_OF_OURS)),
)
SESSION_OVER = Reason(
    "c",
    "The session was ended. next-auth asks nobody: its session lives until it expires, signed out or not. Gatepost "
    "looks at the session's row.",
    "session, cookie of an ended one",
    (("body", r"\{expires: .*\}", r"\{\}|null"), (_SESSION, r"\(sealed\);.*", r"; .*max-age 0.*")),
)
NO_CSRF_TOKEN = Reason(
    "d",
    "No verified csrf token. next-auth answers 200, which its client takes for success; Gatepost answers 403.",
    "sign (in|out), (no|wrong) csrf.*",
    (("status", "200", "403"), ("body", r"\{url: .*csrf=true\}", r"\{url: .*csrf=true&error=MissingCSRF\}")),
)
FORM_AGAIN = Reason(
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
)
WRONG_METHOD = Reason(
    "f",
    "The address is there, the method is not: 405, and `Allow` names those that are (RFC 9110, section 15.5.6).",
    ".*",
    (("status", "200|302|400|500", "405"), ("allow", "", ".+"), ("body", ".*", r"\{error: This method .*\}")),
)
WRONG_METHOD_5 = replace(
    WRONG_METHOD,
    shapes=(
        *WRONG_METHOD.shapes,
        ("location", "http.*error=Configuration", ""),
        ("content-type", "", "application/json"),
    ),
)
ONE_SHAPE = Reason(
    "g",
    "Errors have one shape, JSON.",
    ".*",
    (("body", "Error: .*|Invalid JSON", _ERROR), ("content-type", "(text/html|text/plain)?", "application/json")),
)
NO_DESTINATION = Reason(
    "h",
    "A path that some read as another site, such as `//evil.example`, is no destination.",
    "sign in, to //",
    (("body", r"\{url: .*\}", r"\{url: .*\}"), (_CALLBACK, "http.*", _PLACE_OF_OURS)),
)
GREETING = Reason(
    "i",
    "Gatepost's sign-in page greets whoever is signed in, and seals the session anew as `/session` does.",
    "sign-in page, signed in",
    ((_SESSION, "", r"\(sealed\);.*"),),
)
DEVICE = Reason(
    "j",
    "The device cookie names the browser's last sign-in, so that a late answer to an earlier request can't undo "
    "it. Only a sign-in sets it.",
    "sign in.*",
    ((r"cookie .*gatepost\.device", "", r"\(device\);.*"),),
)
DONE = Reason(
    "k",
    "After the form of the sign-out page, the first page says that it was done.",
    "sign out, form",
    (("location", "https?://[^/]+", r"https?://[^/]+/\?done=signed-out"),),
)
NO_LOCATION = Reason(
    "l",
    "next-auth leaves `Location` on an answer that is no redirect, beside the URL in its body. Nobody reads it there.",
    "s.*",
    (("location", "http.*", ""),),
)
EXPLAINED_ERROR = Reason(
    "m",
    "An error that signing in again can mend is explained on the sign-in page.",
    "error page, .*",
    (
        ("status", "200", "302"),
        ("location", "", "http.*/signin.*"),
        ("body", r"\(page\)", ""),
        ("content-type", "text/html", ""),
    ),
)
NO_SUCH_PROVIDER = Reason(
    "n",
    "There is no such provider, and so no such address; next-auth takes that for a wrong configuration.",
    "sign in, unknown provider",
    (("status", "200", "400"), ("body", r"\{url: .*error=Configuration\}", r"Bad request\.")),
)
PAGE_OF_A_WAY = Reason(
    "o",
    "The address of a way to sign in shows the sign-in page, as in version 4; next-auth has nothing to show there.",
    "sign-in page of .*",
    (
        ("status", "302", "200"),
        ("location", "http.*error=Configuration", ""),
        ("body", "", r"\(page\)"),
        ("content-type", "", "text/html"),
        (_CSRF, "", r"\(csrf\);.*"),
    ),
)
_CHECKS = r"cookie .*(next-auth|authjs)\.(state|nonce|pkce\.code_verifier)"
AGE_OF_NONCE = Reason(
    "p",
    "The nonce's cookie has a `Max-Age` like those of state and verifier; next-auth leaves it out.",
    "start.*",
    ((r"cookie .*(next-auth|authjs)\.nonce", r"\(sealed\);.*", r"\(sealed\);.*max-age 900;.*"),),
)
CHECKS_STAY = Reason(
    "q",
    "The cookies of the checks are left to end by themselves: an answer counts once.",
    "back, of somebody whose address has an account",
    ((_CHECKS, ";.*max-age 0;.*", ""),),
)
NO_ADDRESS = Reason(
    "r",
    "Every account here has an address, so there is none for somebody without. next-auth leaves that to its callbacks.",
    "back, of somebody without an address",
    (
        ("location", "http://localhost:3000", "http.*OAuthCreateAccount"),
        (_SESSION, r"\(sealed\);.*", ""),
        (_CHECKS, ";.*max-age 0;.*", ""),
    ),
)
BUTTON = Reason(
    "s",
    "The link shows a button ([why](mail.md#signing-in-by-mail)); next-auth signs in whoever, or whatever, opens it.",
    "link",
    (
        ("status", "302", "200"),
        ("location", "http.*", ""),
        ("body", "", r"\(page\)"),
        ("content-type", "", "text/html"),
        (_SESSION, r"\(sealed\);.*", ""),
    ),
)
NO_LINK = Reason(
    "t",
    "A link that lacks its token is one that does not work, and no mistake of whoever runs the site.",
    "link, without a token",
    (("location", "http.*error=[cC]onfiguration", "http.*error=Verification"),),
)
REFUSED_BY_STATUS = Reason(
    "u",
    "What is no address is refused like a wrong password: with a status that says so, and the way to sign in.",
    "letter, no address",
    (
        ("status", "200", "400"),
        ("body", r"\{url: .*error=EmailSignin\}", r"\{url: .*error=EmailSignin&provider=email\}"),
    ),
)
NO_CONFIGURATION = Reason(
    "v",
    "Of a provider that is down, an answer that is not believed, and what is no address next-auth says that the server "
    "is wrongly set up, on a page that leads nowhere. Gatepost leads to the sign-in page, with a code that says which "
    "it was.",
    "start, with one that is down.*|back.*|letter, no address",
    (
        ("location", "http.*/error[?]error=Configuration", "http.*/signin[?]error=OAuthCallbackError&code=.*"),
        ("body", r"\{url: .*error=Configuration\}", r"\{url: .*error=(OAuthCallbackError|CredentialsSignin)&code=.*\}"),
    ),
)
POSTED = replace(
    WRONG_METHOD_5,
    why="An answer is read from the query alone, since no provider is asked to post one: 405, and `Allow` names the "
    "methods that there are.",
    shapes=(*WRONG_METHOD_5.shapes, ("location", "http.*error=OAuthCallback", "")),
)
_IN_BOTH = (NOT_STORED, COOKIES_WHERE_NEEDED, SESSION_OVER)
_REASONS_4 = (
    *_IN_BOTH,
    NO_CSRF_TOKEN,
    FORM_AGAIN,
    WRONG_METHOD,
    ONE_SHAPE,
    NO_DESTINATION,
    GREETING,
    DEVICE,
    DONE,
)
_REASONS_5 = (
    *_IN_BOTH,
    FORM_AGAIN,
    WRONG_METHOD_5,
    NO_DESTINATION,
    GREETING,
    DEVICE,
    DONE,
    NO_LOCATION,
    EXPLAINED_ERROR,
    NO_SUCH_PROVIDER,
    PAGE_OF_A_WAY,
)
REASONS: Mapping[Version, Sequence[Reason]] = {"4": _REASONS_4, "5": _REASONS_5}
_ELSEWHERE = (
    NOT_STORED,
    COOKIES_WHERE_NEEDED,
    replace(FORM_AGAIN, shapes=(*FORM_AGAIN.shapes, ("status", "302", "400"))),
    POSTED,
    replace(DEVICE, cases="back.*"),
    AGE_OF_NONCE,
    NO_ADDRESS,
    BUTTON,
    NO_LINK,
)
REASONS_ELSEWHERE: Mapping[Version, Sequence[Reason]] = {
    "4": (*_ELSEWHERE, CHECKS_STAY, REFUSED_BY_STATUS),
    "5": (*_ELSEWHERE, replace(NO_LOCATION, cases="start.*|letter.*"), NO_CONFIGURATION),
}


def compare(theirs: Answer, ours: Answer) -> Iterator[Difference]:
    """Give the differences of two answers."""
    left, right = theirs.everything(), ours.everything()
    for part in sorted({*left, *right}):
        difference = Difference(part, left.get(part, ""), right.get(part, ""))
        if difference.theirs != difference.ours:
            yield difference
