"""What arrives with a post's form: what was typed, who sent it, and whether it comes from a page of ours.

Every form carries a token of its session (``shared.tokens.form_tokens``). Browsers send every line break as CRLF (HTML,
section 4.10.21.4), so here, and only here, they become LF again.
"""

import hashlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.requests import Request

from posts_service.parts import parts_of
from shared.errors import Forbidden, Unauthorized
from shared.language.sentences import Sentence
from shared.tokens.authentication import Anonymous, Caller, User, challenge, identify_caller
from shared.tokens.form_tokens import is_past
from shared.web.bodies import is_form, read_form
from shared.web.error_responses import wants_page

MAX_FORM = 1_048_576  # bytes: the longest content, each of whose characters may take nine

EXPIRED = Sentence("This form was open for too long. Please send it again.")
OTHER_ACCOUNT = Sentence(
    "You are signed in to another account than when you opened this form. Below is what you typed; saving it writes a "
    "new post with the account that you are signed in to now."
)
PRESS_AGAIN = Sentence("You signed in again since you opened this form. Please press Save once more.")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class Typed:
    """What a form contains: typed by the author, or taken from the post that is being edited."""

    title: str = ""
    content: str = ""
    published: bool = False
    faults: Mapping[str, str] = field(default_factory=dict)
    alert: str | None = None
    is_signed_out: bool = False
    account: str = ""

    def members(self) -> dict[str, object]:
        """Return what was typed as the members of a body."""
        return {"title": self.title, "content": self.content, "published": self.published}


@dataclass(frozen=True, slots=True)
class Edited:
    """The post that a form edits, and the version that the author saw when they began."""

    id: int
    version: int


@dataclass(frozen=True, slots=True)
class SentForm:
    """A form that was sent, and by whom; ``token`` is the one that it carried, if it is valid in this session."""

    caller: Caller
    fields: Mapping[str, str]
    token: str | None

    @property
    def typed(self) -> Typed:
        """What was typed into it."""
        content = self.fields.get("content", "").replace("\r\n", "\n")
        account = self.fields.get("account", "")
        return Typed(self.fields.get("title", ""), content, "published" in self.fields, account=account)

    @property
    def is_of_another_account(self) -> bool:
        """Tell whether it was opened by somebody other than its sender."""
        return isinstance(self.caller, User) and self.typed.account not in {"", str(self.caller.claims.user_id)}

    @property
    def version(self) -> int:
        """The version that the form was made from; 0, which no post has, if it names none."""
        text = self.fields.get("version", "")
        return int(text) if _VERSION.fullmatch(text) else 0

    @property
    def key(self) -> str:
        """An idempotency key for this form as it was filled in: a second click sends the same one."""
        filled_in = "\0".join(f"{name}={value}" for name, value in sorted(self.fields.items()))
        return "form-" + hashlib.sha256(filled_in.replace("\r\n", "\n").encode()).hexdigest()

    def get_sender(self, signed_in_again: Sentence = PRESS_AGAIN) -> User:
        """Return who sent it from a page of ours; raises Unauthorized, or Forbidden, which says what to do."""
        if isinstance(self.caller, Anonymous):
            raise Unauthorized(challenge=challenge(self.caller))
        if self.is_of_another_account:
            raise Forbidden(OTHER_ACCOUNT)
        if self.token is None:
            is_old = is_past(self.fields.get("form_token", ""), int(time.time()))
            raise Forbidden(EXPIRED if is_old else signed_in_again)
        return self.caller


async def read_sent_form(request: Request) -> SentForm:
    """Return the form that was sent; Unauthorized if the caller is not signed in and it comes from no page of ours."""
    caller = identify_caller(request)
    if isinstance(caller, Anonymous) and not (is_form(request) and wants_page(request.scope)):
        raise Unauthorized(challenge=challenge(caller))
    fields = await read_form(request, MAX_FORM)
    token, tokens = fields.get("form_token", ""), parts_of(request).form_tokens
    is_good = isinstance(caller, User) and tokens.is_valid(token, caller.claims.session_id, int(time.time()))
    return SentForm(caller, fields, token if is_good else None)
