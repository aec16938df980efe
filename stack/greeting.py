"""What ``make run`` prints once everything runs: where it is, and what to try. Pure."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from stack.mailbox import Mailbox


def write_greeting(
    port: int, environments: Mapping[str, Mapping[str, str]], data: Path, seconds: float, mailbox: Mailbox | None
) -> str:
    """Return the text. A browser needs the public URL, which may be a front end's.

    With a policy of one's own, which may route neither posts nor the API, only the sign-in page is named.
    """
    url, gateway = f"http://localhost:{port}", environments["gateway"]
    is_open, is_ours = gateway.get("SIGN_UP", "open") == "open", "GATEWAY_RULES" not in gateway
    pages = gateway["NEXTAUTH_URL"].removesuffix("/")
    lines = [
        f"\nGatepost runs at {url} (started in {seconds:.1f} s; Ctrl-C stops it; data in {data})\n",
        f"  in a browser   {_name_page(pages, is_open=is_open, is_ours=is_ours)}",
        *([f"  the API        {url}/docs"] * is_ours),
        *_tell_of_letters(environments["auth_service"], mailbox),
        *(_sign_up(url) if is_ours and is_open else []),
        *(_sign_in(url) if is_ours else []),
    ]
    return "\n".join(lines) + "\n"


def _name_page(pages: str, *, is_open: bool, is_ours: bool) -> str:
    if not is_ours:
        return f"{pages}/api/auth/signin   the sign-in page"
    return f"{pages}/userposts   leads to the sign-in page" + "; sign up there" * is_open


def _sign_up(url: str) -> Iterator[str]:
    yield f"  sign up        curl -s {url}/api/user -H 'content-type: application/json' \\"
    yield """                   -d '{"name": "Ada", "email": "ada@example.com", "password": "correct horse battery"}'"""


def _sign_in(url: str) -> Iterator[str]:
    yield f"  sign in        curl -s {url}/api/login -H 'content-type: application/json' \\"
    yield """                   -d '{"username": "ada@example.com", "password": "correct horse battery"}'"""


def _tell_of_letters(environment: Mapping[str, str], mailbox: Mailbox | None) -> Iterator[str]:
    """Yield the line on the mailbox; nothing without one."""
    if mailbox is not None:
        is_in_use = environment.get("SMTP_URL") == mailbox.settings["SMTP_URL"]
        what = "shows all letters" if is_in_use else "shows none: SMTP_URL names another server"
        yield f"  letters        {mailbox.page}   {what}"
