"""What the auth service tells other services under ``/internal``: the models of what is said."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from shared.auth_events.feed_pages import PageEnd
from shared.tokens.signed import MAX_ID
from shared.web.schemas import Text

Number = Annotated[int, Field(ge=1, le=MAX_ID)]


class KnownUser(BaseModel):
    """What the auth service tells of a user; what else it may tell is of no use here."""

    id: Number
    name: Text
    email: Text


class UserChange(BaseModel):
    """A user who signed up, or goes by another name."""

    id: Number
    kind: Literal["created", "renamed"]
    user: KnownUser


class UserGone(BaseModel):
    """What is left to tell of a user who was deleted."""

    id: Number


class UserDeleted(BaseModel):
    """A user who is no more."""

    id: Number
    kind: Literal["deleted"]
    user: UserGone


class ChangePage(PageEnd):
    """A page of the auth service's feed of user changes; each change is read for itself."""

    changes: list[object]
