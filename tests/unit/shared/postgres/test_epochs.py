"""The id of an epoch says when it began, as UUIDs of version 7 do."""

import datetime as dt
import uuid

import pytest

from shared.postgres.epochs import get_beginning

RFC_EXAMPLE = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"  # RFC 9562, appendix A.6


@pytest.mark.parametrize(
    ("epoch_id", "beginning"),
    [
        (RFC_EXAMPLE, dt.datetime(2022, 2, 22, 19, 22, 22, tzinfo=dt.UTC)),
        ("00000000-0000-7000-8000-000000000000", dt.datetime(1970, 1, 1, tzinfo=dt.UTC)),
        ("ffffffff-ffff-7fff-bfff-ffffffffffff", dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC)),
        ("919108f7-52d1-4320-9bac-f847db4148a8", None),
        ("00000000-0000-0000-0000-000000000007", None),
    ],
)
def test_the_beginning_is_in_the_id(epoch_id: str, beginning: dt.datetime | None) -> None:
    """Milliseconds since 1970 are read from ids of version 7, whatever they are; others say nothing."""
    assert get_beginning(uuid.UUID(epoch_id)) == beginning
