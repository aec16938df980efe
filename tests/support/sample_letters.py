"""A letter of each kind, as the service would write it; ``python -m tests.support.sample_letters FOLDER`` shows all."""

import datetime as dt
import html.parser
import sys
from collections.abc import Mapping
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path

from auth_service.mail.composing import compose
from auth_service.mail.letters import LetterKind
from auth_service.tables.letters import Letter
from shared.language.languages import LANGUAGES

SITE = "https://gatepost.example"
SENDER = Address("Gatepost", "no-reply", "gatepost.example")
MOMENT = dt.datetime(2026, 11, 29, 5, 17, 2, 345, tzinfo=dt.UTC)
LINK = f"{SITE}/api/auth/callback/email?token=q3V8yPpS0aZs4v1WmWlZr7oYq0cXkTgQy3bC5dE6fG8&email=ada%40example.com"
NAME = {"name": "Ada"}
CODE = {"code": "7K3F9QXM"}
FACTS: dict[LetterKind, dict[str, str]] = {
    LetterKind.RESET_CODE: NAME | CODE,
    LetterKind.PROOF_CODE: NAME | CODE,
    LetterKind.CHANGE_CODE: NAME | CODE,
    LetterKind.SIGN_UP_CODE: CODE,
    LetterKind.SIGN_IN_LINK: NAME | {"url": LINK},
    LetterKind.NOBODY_HERE: {},
    LetterKind.ALREADY_HERE: {},
    LetterKind.RESET_STARTED: NAME,
    LetterKind.PASSWORD_CHANGED: NAME,
    LetterKind.ADDRESS_CHANGED: NAME,
    LetterKind.NEW_DEVICE: NAME | {"device": "Firefox on Windows", "address": "192.0.2.17"},
    LetterKind.SESSIONS_ENDED: NAME,
    LetterKind.IDENTITY_LINKED: NAME | {"provider": "Google"},
    LetterKind.IDENTITY_REMOVED: NAME | {"provider": "Google"},
    LetterKind.TEST: {},
}
"""What each kind is told."""


def make_letter(
    kind: LetterKind, language: str = "en", facts: Mapping[str, str] | None = None, address: str = "ada@example.com"
) -> Letter:
    """Return a letter that was just taken to be sent."""
    ends = MOMENT + dt.timedelta(minutes=10)
    return Letter(7, kind, 1, address, language, FACTS[kind] if facts is None else facts, MOMENT, ends, 1)


def compose_sample(kind: LetterKind, language: str = "en", facts: Mapping[str, str] | None = None) -> EmailMessage:
    """Return it as a message."""
    return compose(make_letter(kind, language, facts), SENDER, SITE)


def read_part(message: EmailMessage, subtype: str) -> str:
    """Return the text of a part: ``plain`` or ``html``."""
    part = message.get_body((subtype,))
    assert isinstance(part, EmailMessage)
    text = part.get_content()
    assert isinstance(text, str)
    return text.replace("\r\n", "\n")


class Words(html.parser.HTMLParser):
    """What a part in HTML says: its texts, what it links to, its headline, its buttons."""

    def __init__(self, text: str) -> None:
        """Read a part."""
        super().__init__()
        self.links: list[str] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember where the text is, and what is linked to."""
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]
        if tag not in {"meta", "br", "hr"}:
            self._open.append("button" if tag == "a" and "background" in (dict(attrs).get("style") or "") else tag)

    def handle_endtag(self, tag: str) -> None:
        """Remember where the text is."""
        if tag not in {"meta", "br", "hr"}:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        """Remember a text."""
        if data.strip():
            self.texts.append((self._open[-1], " ".join(data.split())))

    @property
    def headlines(self) -> list[str]:
        """What stands in the title and at the top."""
        return [text for tag, text in self.texts if tag in {"title", "h1"}]

    @property
    def prose(self) -> str:
        """All the rest but buttons."""
        return " ".join(text for tag, text in self.texts if tag not in {"title", "h1", "button"})


def main() -> None:
    """Write all letters in all languages into a folder."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for kind in LetterKind:
        for language in LANGUAGES:
            message = compose_sample(kind, language)
            stem = folder / f"{kind.value}.{language}"
            stem.with_suffix(f".{language}.html").write_text(read_part(message, "html"))
            stem.with_suffix(f".{language}.txt").write_text(f"{message['Subject']}\n\n{read_part(message, 'plain')}")


if __name__ == "__main__":
    main()
