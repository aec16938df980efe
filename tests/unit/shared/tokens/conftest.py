"""What tests of tokens share: they run once for each way to sign, for their laws are the same."""

from collections.abc import Iterator

import pytest

from tests.support.signers import ALGORITHMS, USUAL, Signer, signer_of


@pytest.fixture(scope="module", params=ALGORITHMS)
def signer(request: pytest.FixtureRequest) -> Iterator[Signer]:
    """Give what signs the tokens that a module's tests make by hand: a shared secret, or a key pair of either kind."""
    before = USUAL.signer
    USUAL.signer = signer_of(request.param)
    yield USUAL.signer
    USUAL.signer = before
