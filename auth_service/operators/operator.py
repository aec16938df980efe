"""Who gives a command: the operator, as audit lines name them."""

import os
import pwd
import uuid

from auth_service.clients import Client


def name_operator(said: str | None, setting: str) -> str:
    """Return an operator's name: as they say, as the setting OPERATOR has it, or the user of this machine."""
    return said or setting or _name_user(os.getuid())


def build_client(operator: str) -> Client:
    """Return the client that the audit lines of one command name."""
    agent = f"command line, user {os.getuid()}"
    return Client(None, agent, f"command-{uuid.uuid4().hex[:16]}", operator=operator)


def _name_user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # as in a container, whose user is a number only
        return f"user {uid}"
