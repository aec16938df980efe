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
        codes.hash_new(Purpose.RESET, "", "a@example.com", None).address_mac,
        codes.hash_flow("a@example.com"),
    }
    assert len(hashes) == 7
