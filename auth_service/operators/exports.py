"""``user export``: everything that the auth service keeps about a user, as JSON; the posts service has the rest.

The members are the tables, their members the columns. Hashes and secrets are withheld: they say nothing about anybody.
"""

from typing import Final

from auth_service.operators.arguments import Call, add_user, add_verb
from auth_service.operators.lookups import get_user
from auth_service.parts import Parts
from auth_service.tables import personal_data as kept
from auth_service.tables.audit import Event, insert_audit_line
from shared.command_line.arguments import Verbs
from shared.command_line.printing import Document

LEFT_OUT: Final = {
    # Why a table is not part of it.
    "attempts": "counts under keyed hashes, which name nobody; the audit says what they counted",
    "invitations": "made by operators; which account one made is not kept",
    "service_credentials": "of external services",
    "epochs": "about the database itself",
    "feed_starts": "about the database itself",
    "feed_ends": "about the database itself",
    "feed_purges": "about the database itself",
}
WITHHELD: Final = {
    # Columns that are hashes or secrets, or only hold together what is exported.
    "users": {"email_key", "password_hash"},
    "identities": {"user_id"},
    "sessions": {"user_id"},
    "refresh_tokens": {"token_hash", "salt"},
    "session_cutoffs": {"id", "user_id"},
    "revocations": {"id"},
    "user_changes": {"id", "user_id"},
    "codes": {"id", "user_id", "address_mac", "code_mac", "flow_mac", "facts", "tries_left"},
    "letters": {"id", "user_id", "can_wait"},
    "audit": {"id", "user_id"},
}


def add_export(users: Verbs) -> None:
    """Add it to the noun ``user``."""
    add_user(add_verb(users, "export", "everything kept about a user here, as JSON", export_user))


async def export_user(parts: Parts, call: Call) -> Document:
    """Return all that is kept about a user, as it was at one moment; NotFound."""
    user = await get_user(parts, call.user)
    macs = parts.recovery.codes.hash_address(user.email)
    async with parts.database.transaction() as connection:
        await insert_audit_line(connection, Event.USER_EXPORTED, call.client, user.id)
    async with (
        parts.database.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        return Document(
            {
                "users": await kept.export_users(connection, user.id),
                "identities": await kept.export_identities(connection, user.id),
                "sessions": await kept.export_sessions(connection, user.id),
                "refresh_tokens": await kept.export_refresh_tokens(connection, user.id),
                "session_cutoffs": await kept.export_session_cutoffs(connection, user.id),
                "revocations": await kept.export_revocations(connection, user.id),
                "user_changes": await kept.export_user_changes(connection, user.id),
                "codes": await kept.export_codes(connection, user.id, macs),
                "letters": await kept.export_letters(connection, user.id, user.email),
                "audit": await kept.export_audit(connection, user.id),
            }
        )
