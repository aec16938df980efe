"""A line of a file of users of another system: by the same rules as a sign-up. Pure.

``{"name", "email", "passwordHash", "emailVerified"?, "createdAt"?, "roles"?}``; ``passwordHash`` null: there is none.
Another member is refused, so that nothing is lost by a slip. A time without a zone is in UTC.
"""

import datetime as dt
import re
from typing import Annotated

from pydantic import AfterValidator, Field

from auth_service.accounts.accounts import MAX_ROLES
from auth_service.api.schemas import Email, Name
from auth_service.passwords.stored_hashes import read_stored_hash, strip_label
from auth_service.tables.imported_users import ImportedUser
from shared.command_line.importing import Moment, read_members
from shared.web.schemas import Body, Text

LONGEST_LINE = 16_384  # bytes
ROLE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


def _check_hash(stored: str) -> str:
    bare = strip_label(stored)
    read_stored_hash(bare)
    return bare


def _check_role(role: str) -> str:
    if not ROLE.fullmatch(role):
        raise ValueError("is of letters, digits, '_', '-', '.' and ':'")
    return role


class UserLine(Body):
    """The line."""

    name: Name
    email: Email
    password_hash: Annotated[Text, AfterValidator(_check_hash)] | None
    email_verified: bool | Moment | None = None
    created_at: Moment | None = None
    roles: Annotated[tuple[Annotated[str, AfterValidator(_check_role)], ...], Field(max_length=MAX_ROLES)] = ()


def read_user_line(line: bytes) -> ImportedUser:
    """Return whom a line describes; raises Invalid. ``emailVerified`` true is as of now."""
    told = read_members(UserLine, line)
    verified = dt.datetime.now(dt.UTC) if told.email_verified is True else told.email_verified or None
    return ImportedUser(
        name=told.name,
        email=told.email,
        password_hash=told.password_hash,
        email_verified_at=verified,
        created_at=told.created_at,
        roles=sorted(set(told.roles)),
    )
