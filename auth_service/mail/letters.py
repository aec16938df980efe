"""The letters that are sent: which there are, what each says, and to whom."""

from enum import StrEnum


class LetterKind(StrEnum):
    """What a letter is about. Its facts, as JSON, are named behind it; ``name`` is the reader's, if they have one."""

    RESET_CODE = "reset_code"  # name, code
    PROOF_CODE = "proof_code"  # name, code: the present address
    CHANGE_CODE = "change_code"  # name, code: a new address
    SIGN_UP_CODE = "sign_up_code"  # code
    SIGN_IN_LINK = "sign_in_link"  # name, url
    NOBODY_HERE = "nobody_here"  # somebody typed this address, which has no account
    ALREADY_HERE = "already_here"  # somebody signed up, or moved here, with this address, which has an account
    RESET_STARTED = "reset_started"  # name: an operator made the password void
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - name
    ADDRESS_CHANGED = "address_changed"  # name: to the old address
    NEW_DEVICE = "new_device"  # name, device, address: a sign-in
    SESSIONS_ENDED = "sessions_ended"  # name
    IDENTITY_LINKED = "identity_linked"  # name, provider: another way to sign in
    IDENTITY_REMOVED = "identity_removed"  # name, provider
    TEST = "test"  # an operator looks whether mail arrives
