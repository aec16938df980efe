"""Looking up a server's name."""

import socket

import pytest

from shared.process.name_lookups import NameLookups


@pytest.mark.parametrize("name", ["db..internal", ".internal", f"{'a' * 64}.internal", "db.internal.."])
async def test_what_is_no_name_has_no_address(name: str) -> None:
    """A name with an empty part, or a part that is too long, is unknown like any other that has no address."""
    with pytest.raises(socket.gaierror):
        await NameLookups().look_up(name)
