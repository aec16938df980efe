"""What is stored of a code that is sent."""

from auth_service.mail.codes import Purpose
from auth_service.mail.sent_codes import Codes


def test_a_hash_covers_all_of_a_code() -> None:
    """The same code for another purpose, address or key has another hash."""
    codes, other = Codes("k" * 32), Codes("l" * 32)
    hashes = {
        codes.hash_code(Purpose.RESET, "a@example.com", "12345678"),
        codes.hash_code(Purpose.SIGN_IN, "a@example.com", "12345678"),
        codes.hash_code(Purpose.RESET, "b@example.com", "12345678"),
        codes.hash_code(Purpose.RESET, "a@example.com", "12345679"),
        other.hash_code(Purpose.RESET, "a@example.com", "12345678"),
        codes.hash_new(Purpose.RESET, "", "a@example.com", None).address_macs,
        codes.hash_flow("a@example.com"),
    }
    assert len(hashes) == 7


def test_a_previous_key_finds_but_never_stores() -> None:
    """A code is stored by the key in use, and found by that of before too."""
    before, codes = Codes("k" * 32), Codes("l" * 32, ["k" * 32])
    asked = (Purpose.RESET, "12345678", "a@example.com", None, "flow")
    old, new = before.hash_new(*asked), codes.hash_new(*asked)
    typed = codes.hash_typed(Purpose.RESET, "a@example.com", "12345678", "flow")
    assert typed is not None
    assert typed == ((new.flow_mac, old.flow_mac), (new.code_mac, old.code_mac))
    assert new.address_macs[1:] == old.address_macs
    assert new.address_macs[:1] == Codes("l" * 32).hash_new(*asked).address_macs
