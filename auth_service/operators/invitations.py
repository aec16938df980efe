"""The commands about invitations; each returns what is to be printed."""

import datetime as dt
from urllib.parse import urlencode

from auth_service.operators.arguments import Call, add_verb
from auth_service.parts import Parts
from auth_service.tables.invitations import Invitation
from auth_service.tables.invitations import list_invitations as list_rows
from shared.command_line.arguments import Verbs, add_limit, add_noun, read_days, read_id, read_limit
from shared.command_line.text_tables import Record
from shared.errors import Invalid

LONGEST_NOTE = 100  # characters


def add_invitations(nouns: Verbs) -> None:
    """Add them to the command line."""
    verbs = add_noun(nouns, "invitation", "links that let people sign up where SIGN_UP=invitation")
    made = add_verb(verbs, "new", "a link, which is shown only once", make_invitation)
    made.add_argument("--uses", type=read_limit, default=1, metavar="N", help="accounts that it is good for (1)")
    made.add_argument("--days", type=read_days, default=7, metavar="N", help="days that it is good for (7)")
    made.add_argument("--note", default="", metavar="TEXT", help="whom it is for, for your list")
    add_limit(add_verb(verbs, "list", "those that are not over, the newest first", list_invitations))
    revoked = add_verb(verbs, "revoke", "let nobody in by it any more", revoke_invitation)
    revoked.add_argument("id", type=read_id, metavar="ID")


async def make_invitation(parts: Parts, call: Call) -> Record:
    """Return a new invitation with its link, which is shown only once."""
    if not call.note.isprintable() or len(call.note) > LONGEST_NOTE:
        raise Invalid({"note": f"must be one line of {LONGEST_NOTE} characters at most"})
    wanted = (call.note, call.uses, dt.timedelta(days=call.days))
    made, token = await parts.accounts.new_users.invitations.create(*wanted, call.client)
    return {**_describe(made), "link": f"{parts.public_url}/signup?{urlencode({'invitation': token})}"}


async def list_invitations(parts: Parts, call: Call) -> list[Record]:
    """Return the invitations that have not expired, the newest first."""
    async with parts.database.connection() as connection:
        return [_describe(each) for each in await list_rows(connection, call.limit)]


async def revoke_invitation(parts: Parts, call: Call) -> Record:
    """Let nobody in by an invitation any more; accounts that it made stay."""
    await parts.accounts.new_users.invitations.revoke(call.id, call.client)
    return {"id": call.id, "state": "revoked"}


def _describe(invitation: Invitation) -> Record:
    return {
        "id": invitation.id,
        "note": invitation.note,
        "left": invitation.uses_left,
        "created": invitation.created_at,
        "until": invitation.expires_at,
    }
