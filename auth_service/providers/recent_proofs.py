"""What a signed-in user proves again before they change how to get into their account, or delete it.

1. A user with a password types it to change it or to delete the account. One without has signed in within the last
   ``MAX_AUTH_AGE`` seconds instead.
2. To add an identity or remove one, or to move to another address, both have.
3. A sign-in counts from when the provider says that they proved who they are. Some providers never say. For somebody
   who has a password such a sign-in is not recent, since they can sign in by that. For somebody who has none it counts
   from when it was: they could otherwise never delete their account. This is so for their own account alone: to the
   policy (``max_auth_age``) and in access tokens such a sign-in is never recent.
"""

import datetime as dt
import time
from dataclasses import dataclass

from auth_service.tables.sessions import Session
from auth_service.tables.users import Credentials, User, find_credentials
from shared.errors import NotFound, Unauthorized
from shared.postgres.database import Connection
from shared.tokens.authentication import ask_for_recent_sign_in
from shared.tokens.claims import is_recent

MAX_AUTH_AGE = 300  # seconds; the policy asks for the same
NEVER_SAID = dt.datetime.fromtimestamp(0, dt.UTC)
"""``authenticated_at`` of a session that began with a provider that does not say when somebody proved who they are."""


@dataclass(frozen=True, slots=True)
class Reauthentication:
    """What is known of a signed-in user: whether they have a password, and whether their sign-in is recent."""

    has_password: bool
    is_recent: bool


def is_recently_proven(session: Session, now: int, *, has_password: bool) -> bool:
    """Tell whether the user of a session proved a moment ago who they are (rule 3)."""
    proven_at = session.authenticated_at or session.created_at
    if proven_at == NEVER_SAID and not has_password:
        proven_at = session.created_at
    return is_recent(int(proven_at.timestamp()), MAX_AUTH_AGE, now)


async def get_reauthentication(
    connection: Connection, user: User, session: Session
) -> tuple[Credentials, Reauthentication]:
    """Return a user's credentials, and what is known of them; NotFound when they are gone."""
    found = await find_credentials(connection, user.email)
    if found is None or found.user.id != user.id:
        raise NotFound
    has_password = found.password_hash is not None
    return found, Reauthentication(
        has_password, is_recently_proven(session, int(time.time()), has_password=has_password)
    )


def require_recent(proven: Reauthentication) -> None:
    """Unauthorized, with a challenge to sign in again, where the sign-in is not recent."""
    if not proven.is_recent:
        raise Unauthorized(challenge=ask_for_recent_sign_in(MAX_AUTH_AGE))
