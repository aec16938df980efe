"""What operators type behind a command, read. Each raises ArgumentTypeError, with what would be right."""

import argparse
import datetime as dt
from collections.abc import Callable

from auth_service.operators.user_lines import ROLE
from auth_service.sessions import read_session_id
from auth_service.tables.sessions import SessionId
from auth_service.verifiers.service_credentials import NAME
from shared.tokens.signed import MAX_ID

MOST = 1000  # lines
MOST_DAYS = 36_500


def _number_to(most: int, refusal: str) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(refusal)
        return int(text)

    return read


read_id = _number_to(MAX_ID, "an id is a positive number")
read_limit = _number_to(MOST, f"a limit is a number from 1 to {MOST}")
read_days = _number_to(MOST_DAYS, f"a number of days from 1 to {MOST_DAYS}")


def read_role(text: str) -> str:
    """Return a role that may be given."""
    if not ROLE.fullmatch(text):
        raise argparse.ArgumentTypeError("a role is of letters, digits, '_', '-', '.' and ':'")
    return text


def read_service_name(text: str) -> str:
    """Return the name of an external service."""
    if not NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(
            "a service's name is of lower-case letters, digits, '.', '_' and '-', begins with a letter or a digit,"
            " and has 64 characters at most"
        )
    return text


def read_moment(text: str) -> dt.datetime:
    """Return a moment that has passed: a day or a time, in UTC where no zone is said."""
    try:
        moment = dt.datetime.fromisoformat(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError("a time is written 2026-01-31 or 2026-01-31T12:00:00+09:00") from None
    if moment > dt.datetime.now(dt.UTC):
        raise argparse.ArgumentTypeError("the time has not come yet")
    return moment


def read_session(text: str) -> SessionId:
    """Return the id of a session."""
    session_id = read_session_id(text)
    if session_id is None:
        raise argparse.ArgumentTypeError("a session's id is a UUID")
    return session_id
