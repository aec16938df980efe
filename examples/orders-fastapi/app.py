"""Orders: a service of one's own behind Gatepost's gateway, in FastAPI and SQLAlchemy.

Nothing of Gatepost is imported. Who sends a request is whoever the access token names, and everybody sees their own
orders only: another's is not there (404), so that nobody can count them.
"""

import contextlib
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Path, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import create_engine, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from access_token import TokenRefused, User, name_keys, verify

KEYS = name_keys(os.environ["SECRET_KEY"], os.environ.get("SECRET_KEY_PREVIOUS", ""))
ISSUER = os.environ.get("NEXTAUTH_URL", "http://localhost:3000")
MOST = 100  # orders in one answer
MAX_ID = 2**31 - 1  # that the column can hold

engine = create_engine(os.environ.get("DATABASE_URL", "sqlite:///orders.db"))
bearer = HTTPBearer(auto_error=False)


class Base(DeclarativeBase):
    """What all tables share."""


class Order(Base):
    """What somebody ordered. Gatepost never gives a user's id to anybody else, so it needs no table of users."""

    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(index=True)
    item: Mapped[str]
    quantity: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class NewOrder(BaseModel):
    """What is ordered."""

    item: str = Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")  # which PostgreSQL can't hold
    quantity: int = Field(default=1, ge=1, le=1000)


class OrderView(NewOrder):
    """An order as its owner sees it."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    created_at: datetime


@contextlib.asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Make the table if need be."""
    Base.metadata.create_all(engine)
    yield


app = FastAPI(title="Orders", lifespan=lifespan)


@app.exception_handler(RequestValidationError)
def refuse(_: Request, error: RequestValidationError) -> JSONResponse:
    """Say what is wrong, but not what was sent: JSON can spell half a character, which no answer can hold."""
    detail = [{name: fault[name] for name in ("type", "loc", "msg")} for fault in error.errors()]
    return JSONResponse({"detail": detail}, 422)


def open_session() -> Iterator[Session]:
    """Give a session for the time of a request."""
    with Session(engine) as session:
        yield session


def get_user(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> User:
    """Return who sends the request; 401 when the token proves nobody."""
    try:
        return verify(credentials.credentials if credentials else "", KEYS, ISSUER)
    except TokenRefused:
        raise HTTPException(401, "No Authorization", {"WWW-Authenticate": "Bearer"}) from None


Signed = Annotated[User, Depends(get_user)]
Rows = Annotated[Session, Depends(open_session)]
OrderId = Annotated[int, Path(ge=1, le=MAX_ID)]


@app.get("/healthz")
def answer_health() -> str:
    """Say that the service runs. No rule leads here from outside."""
    return "ok"


@app.get("/api/orders", response_model=list[OrderView])
def list_orders(user: Signed, rows: Rows) -> Sequence[Order]:
    """Answer the caller's orders, newest first."""
    own = select(Order).where(Order.user_id == user.id)
    return rows.scalars(own.order_by(Order.id.desc()).limit(MOST)).all()


@app.post("/api/orders", response_model=OrderView, status_code=201)
def create_order(new: NewOrder, user: Signed, rows: Rows) -> Order:
    """Store an order of the caller."""
    order = Order(user_id=user.id, item=new.item, quantity=new.quantity)
    rows.add(order)
    rows.commit()
    return order


@app.get("/api/orders/{order_id}", response_model=OrderView)
def show_order(order_id: OrderId, user: Signed, rows: Rows) -> Order:
    """Answer one order of the caller; 404 for one that is not theirs."""
    order = rows.scalar(select(Order).where(Order.id == order_id, Order.user_id == user.id))
    if order is None:
        raise HTTPException(404, "There is no such order")
    return order
