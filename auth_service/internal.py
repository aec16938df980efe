"""What other services ask, under ``/internal``. The gateway routes none of it; each call needs a service token."""

import re

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from auth_service.parts import parts_of
from auth_service.schemas import AuthorView
from auth_service.users import list_users
from shared.errors import Invalid
from shared.service_calls import require_service
from shared.tokens import MAX_ID

SERVICE = "auth_service"
MAX_IDS = 100

_IDS = re.compile(r"[1-9][0-9]{0,18}(,[1-9][0-9]{0,18})*")


async def show_users(request: Request) -> Response:
    """Answer those of the users ``?ids=1,2,3`` that exist, as ``[{id, name, email}]``."""
    require_service(request, SERVICE)
    user_ids = _read_ids(request.query_params.get("ids", ""))
    async with parts_of(request).database.connection() as connection:
        users = await list_users(connection, user_ids)
    authors = [AuthorView(id=user.id, name=user.name, email=user.email) for user in users]
    return JSONResponse([author.model_dump() for author in authors])


def _read_ids(text: str) -> list[int]:
    ids = [int(part) for part in text.split(",")] if _IDS.fullmatch(text) else []
    if not 1 <= len(ids) <= MAX_IDS or max(ids) > MAX_ID:
        raise Invalid({"ids": f"must be 1 to {MAX_IDS} ids, separated by commas"})
    return ids
