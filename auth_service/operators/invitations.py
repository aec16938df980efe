"""The commands about invitations; each returns what is to be printed."""

import argparse
import datetime as dt
from urllib.parse import urlencode

from auth_service.operators.commands import operator
from auth_service.operators.text_tables import Record
from auth_service.parts import Parts
from auth_service.tables.invitations import Invitation
from auth_service.tables.invitations import list_invitations as list_rows
from shared.errors import Invalid

LONGEST_NOTE = 100  # characters


async def make_invitation(parts: Parts, arguments: argparse.Namespace) -> Record:
    """Return a new invitation with its link, which is shown only once."""
    if not arguments.note.isprintable() or len(arguments.note) > LONGEST_NOTE:
        raise Invalid({"note": f"must be one line of {LONGEST_NOTE} characters at most"})
    wanted = (arguments.note, arguments.uses, dt.timedelta(days=arguments.days))
    made, token = await parts.accounts.new_users.invitations.create(*wanted, operator(f"invitation {arguments.note}"))
    return {**_describe(made), "link": f"{parts.public_url}/signup?{urlencode({'invitation': token})}"}


async def list_invitations(parts: Parts, arguments: argparse.Namespace) -> list[Record]:
    """Return the invitations that have not expired, the newest first."""
    async with parts.database.connection() as connection:
        return [_describe(each) for each in await list_rows(connection, arguments.limit)]


async def revoke_invitation(parts: Parts, arguments: argparse.Namespace) -> Record:
    """Let nobody in by an invitation any more; accounts that it made stay."""
    await parts.accounts.new_users.invitations.revoke(arguments.id, operator(f"invitation {arguments.id}"))
    return {"id": arguments.id, "state": "revoked"}


def _describe(invitation: Invitation) -> Record:
    return {
        "id": invitation.id,
        "note": invitation.note,
        "left": invitation.uses_left,
        "created": invitation.created_at,
        "until": invitation.expires_at,
    }
