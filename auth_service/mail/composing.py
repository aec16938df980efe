"""A letter as the message that is sent: headers, plain text and HTML, in its reader's language.

1. It is an ``EmailMessage``, which writes no header that was not set here (ASVS 5.0, 1.3.11): one From, one To.
2. Plain text and HTML say the same, from one template for each kind; the HTML loads nothing.
3. Everything but the MIME boundary follows from the letter, so one that is sent again has the same Message-ID.
4. It is marked as sent by a program (RFC 3834, section 5), so that autoresponders don't reply.

``facts`` decides what a letter shows of its facts.
"""

import datetime as dt
import functools
import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from pathlib import Path
from urllib.parse import urlsplit

from auth_service.mail.addresses import encode_domain
from auth_service.mail.codes import LIFETIME
from auth_service.mail.facts import read_facts
from auth_service.mail.wrapping import wrap
from auth_service.tables.letters import Letter
from shared.language.languages import LANGUAGES
from shared.language.templates import Templates
from shared.language.translations import OURS
from shared.web.branding import PLAIN, Branding

TEMPLATES = Path(__file__).parent / "templates"
_MAILBOX = re.compile(r'[^\s@"(),:;<>\[\]\\]+@[^\s@"(),:;<>\[\]\\]+')
_ENCODING = "7bit"  # of bodies: quoted-printable or base64, which every server takes


def compose(
    letter: Letter, sender: Address, site: str, *, has_sign_up: bool = True, branding: Branding = PLAIN
) -> EmailMessage:
    """Return a letter of ``site``, the public URL, as a message; ValueError when it must not be sent.

    ``has_sign_up`` says whether everybody can sign up there; texts are those of the ``branding``.
    """
    recipient = _read_recipient(letter.address)
    language = letter.language if letter.language in LANGUAGES else LANGUAGES[0]
    shown = {**_list_shown(letter, site, language), "has_sign_up": has_sign_up}
    plain, html = (_load_templates(language, form, branding) for form in ("txt", "html"))
    message = EmailMessage((SMTP if recipient.addr_spec.isascii() else SMTPUTF8).clone(cte_type=_ENCODING))
    message["From"] = sender
    message["To"] = recipient
    message["Subject"] = plain.render_block(_name_template(letter), "subject", shown).strip()
    message["Date"] = letter.created_at.astimezone(dt.UTC)
    message["Message-ID"] = name_message(letter, site)
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"  # the same for Exchange
    message.set_content(_render_body(letter, plain, shown))
    message.add_alternative(_render_body(letter, html, shown), subtype="html")
    message["Content-Language"] = language  # last: making parts moves such headers into the first of them
    return message


def name_message(letter: Letter, site: str) -> str:
    """Return a letter's Message-ID, which is the same whenever it is sent."""
    host = urlsplit(site).hostname or ""
    moment = int(letter.created_at.timestamp() * 1_000_000)
    return f"<{letter.id}.{moment}@{f'[IPv6:{host}]' if ':' in host else host}>"


def _read_recipient(address: str) -> Address:
    if not _MAILBOX.fullmatch(address) or not address.isprintable():
        raise ValueError("a letter's address is none")
    local, _, domain = encode_domain(address).rpartition("@")
    return Address(username=local, domain=domain)


def _list_shown(letter: Letter, site: str, language: str) -> dict[str, object]:
    """Return the names that templates may use."""
    return {
        "site": site,
        "host": urlsplit(site).netloc,
        "moment": letter.created_at,
        "minutes": int(LIFETIME.total_seconds() // 60),
        **read_facts(letter.facts, site, language),
    }


def _render_body(letter: Letter, templates: Templates, shown: dict[str, object]) -> str:
    text = templates.render(_name_template(letter), shown)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _name_template(letter: Letter) -> str:
    return f"{letter.kind.value}.jinja"


@functools.cache
def _load_templates(language: str, form: str, branding: Branding) -> Templates:
    names, own = {"form": form}, branding.texts.get(language, OURS)
    return Templates([TEMPLATES], language, escapes=form == "html", names=names, filters={"wrap": wrap}, own=own)
