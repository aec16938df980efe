"""A peer: the list of a user's posts as FastAPI's templates write it, with SQLAlchemy 2 (asynchronous, ORM) and PyJWT.

And a page that only those see who are signed in. The caller is whoever the token names: unlike most templates this
looks nobody up, which spares it a query.
"""

import os
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

import jwt
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from sqlalchemy import BigInteger, ForeignKey, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, joinedload, mapped_column, relationship

SECRET_KEY = os.environ["SECRET_KEY"]
ISSUER, AUDIENCE = os.environ["ISSUER"], os.environ["AUDIENCE"]
PUBLIC_URL = os.environ["PUBLIC_URL"]

engine = create_async_engine(os.environ["DATABASE_URL"], pool_size=20, max_overflow=0)
new_session = async_sessionmaker(engine, expire_on_commit=False)
bearer = HTTPBearer(auto_error=False)
app = FastAPI()


class Base(DeclarativeBase):
    """What all tables share."""


class Author(Base):
    """Who wrote posts."""

    __tablename__ = "authors"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str]
    email: Mapped[str]


class Post(Base):
    """One post."""

    __tablename__ = "posts"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    author_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("authors.id"))
    title: Mapped[str]
    content: Mapped[str]
    published: Mapped[bool]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    author: Mapped[Author] = relationship()


class View(BaseModel):
    """What is shown of a row."""

    model_config = ConfigDict(from_attributes=True, alias_generator=to_camel, populate_by_name=True)


class AuthorView(View):
    """Who wrote a post."""

    email: str
    name: str


class PostView(View):
    """One post with its author."""

    id: int
    title: str
    content: str
    published: bool
    author_id: int
    created_at: datetime
    updated_at: datetime
    author: AuthorView


async def get_session() -> AsyncIterator[AsyncSession]:
    """Give a session for the time of a request."""
    async with new_session() as session:
        yield session


def get_caller(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> dict[str, Any]:
    """Return the claims of a valid token; else 401."""
    if credentials is None:
        raise HTTPException(401, "No Authorization")
    try:
        return jwt.decode(credentials.credentials, SECRET_KEY, algorithms=["HS256"], issuer=ISSUER, audience=AUDIENCE)
    except jwt.InvalidTokenError:
        raise HTTPException(401, "No Authorization") from None


@app.get("/userposts/{path:path}", response_model=None)
async def show_page(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> Response:
    """Show the page to whoever is signed in; lead others to the sign-in page."""
    try:
        caller = get_caller(credentials) if credentials is not None else None
    except HTTPException:
        caller = None
    if caller is None:
        wanted = quote(PUBLIC_URL + request.url.path, safe="")
        return RedirectResponse(f"{PUBLIC_URL}/api/auth/signin?callbackUrl={wanted}", 302)
    return PlainTextResponse(f"Posts of {caller['name']}")


@app.get("/api/user/{user_id}", response_model=list[PostView])
async def list_posts_of_user(
    user_id: int,
    session: Annotated[AsyncSession, Depends(get_session)],
    caller: Annotated[dict[str, Any], Depends(get_caller)],
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> list[Post]:
    """Answer the caller's own posts with drafts, another's without; newest first."""
    query = select(Post).where(Post.author_id == user_id)
    if caller["id"] != user_id:
        query = query.where(Post.published)
    found = await session.scalars(query.options(joinedload(Post.author)).order_by(Post.id.desc()).limit(limit))
    return list(found)
