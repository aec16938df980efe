"""The arguments of the auth service's commands: how they are added, and readers that raise ArgumentTypeError."""

import argparse
import ipaddress
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from auth_service.operators.user_lines import ROLE
from auth_service.parts import Parts
from auth_service.sessions.sessions import read_session_id
from auth_service.tables.audit import Event
from auth_service.tables.sessions import SessionId
from auth_service.verifiers.service_credentials import NAME
from shared.command_line import arguments
from shared.command_line.arguments import Verbs
from shared.command_line.printing import Found

LONGEST_OPERATOR = 100  # characters

Call: TypeAlias = argparse.Namespace
"""What was typed; ``client`` is what audit lines say of who typed it, ``answer`` what a verb's ``ask`` got of them."""
Command: TypeAlias = Callable[[Parts, Call], Awaitable[Found]]


def add_verb(verbs: Verbs, name: str, meaning: str, command: Command | None) -> argparse.ArgumentParser:
    """Add a command, which an operator may give under a name of their own."""
    verb = arguments.add_verb(verbs, name, meaning)
    verb.set_defaults(command=command, ask=None)
    verb.add_argument(
        "--as",
        dest="operator",
        type=read_operator,
        default=arguments.default_below(verbs, usual=None),
        metavar="NAME",
        help="who the audit says did it",
    )
    return verb


def add_user(verb: argparse.ArgumentParser) -> None:
    """Let a command be about one user."""
    verb.add_argument("user", type=arguments.read_user, metavar="ID|EMAIL")


def add_unlinking(verb: argparse.ArgumentParser) -> None:
    """Let a command that helps a user take away what may be somebody else's way in."""
    verb.add_argument("--unlink", action="store_true", help="take away what they have at other providers, too")


def add_user_filter(verb: argparse.ArgumentParser) -> None:
    """Let a list be of one user's lines alone."""
    verb.add_argument("--user", type=arguments.read_user, metavar="ID|EMAIL", help="only of this user")


def read_operator(text: str) -> str:
    """Return the name of an operator."""
    if not text.isprintable() or not 1 <= len(text.strip()) <= LONGEST_OPERATOR:
        raise argparse.ArgumentTypeError(f"an operator's name has one line of 1 to {LONGEST_OPERATOR} characters")
    return text.strip()


def read_role(text: str) -> str:
    """Return a role that may be given."""
    if not ROLE.fullmatch(text):
        raise argparse.ArgumentTypeError("a role is of letters, digits, '_', '-', '.' and ':'")
    return text


def read_service_name(text: str) -> str:
    """Return the name of an external service."""
    if not NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(
            "a service's name is of lower-case letters, digits, '.', '_' and '-', begins with a letter or a digit,"
            " and has 64 characters at most"
        )
    return text


def read_session(text: str) -> SessionId:
    """Return the id of a session."""
    session_id = read_session_id(text)
    if session_id is None:
        raise argparse.ArgumentTypeError("a session's id is a UUID")
    return session_id


def read_event(text: str) -> Event:
    """Return an event that the audit knows."""
    try:
        return Event(text.replace("-", "_"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"an event is one of {', '.join(Event)}") from None


def read_addresses(text: str) -> str:
    """Return a client's IP address, or a network of them, as PostgreSQL reads it."""
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        how = "an address is written 192.0.2.7 or 2001:db8::7, a network 192.0.2.0/24"
        raise argparse.ArgumentTypeError(how) from None
