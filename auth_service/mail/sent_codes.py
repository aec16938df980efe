"""What is stored of a code that is sent, and the letter that it is sent in. Pure.

1. Only keyed hashes are stored. The hash of a code covers its purpose and address: the right code with another address
   is a wrong one.
2. A code is stored by the key in use, and found by previous keys too (``Macs``), so that the key can be changed while
   codes are on their way.
3. Where nobody has the address, the same is stored; only the letter says so.
"""

from collections.abc import Mapping, Sequence

from auth_service.clients import Client
from auth_service.mail.addresses import email_key
from auth_service.mail.codes import LIFETIME, Purpose, read_code
from auth_service.mail.letters import LetterKind
from auth_service.tables.codes import NewCode
from auth_service.tables.letters import NewLetter
from auth_service.tables.users import User
from shared.tokens.keyed_hashes import KeyedHashes, Macs


class Codes:
    """Hashes what identifies a code, by a key. Addresses are the same under all their spellings."""

    def __init__(self, key: str, previous: Sequence[str] = ()) -> None:
        self._hashes = KeyedHashes("mail", key, previous)

    def hash_new(
        self,
        purpose: Purpose,
        code: str,
        email: str,
        user: User | None,
        flow: str | None = None,
        facts: Mapping[str, str] | None = None,
    ) -> NewCode:
        """Return a new code, or a link's token, as it is stored; ``user`` is None when nobody has the address."""
        return NewCode(
            purpose=purpose,
            user_id=user.id if user else None,
            address_macs=self.hash_address(email),
            code_mac=self.hash_code(purpose, email, code)[0],
            flow_mac=self.hash_flow(flow)[0] if flow else None,
            facts=facts or {},
        )

    def hash_address(self, email: str) -> Macs:
        """Return what may be stored of an address."""
        return self._hashes.hash("address", email_key(email))

    def hash_code(self, purpose: Purpose, email: str, code: str) -> Macs:
        """Return what may be stored of a code, or of a link's token, for an address."""
        return self._hashes.hash("code", purpose, email_key(email), code)

    def hash_link(self, token: str) -> Macs:
        """Return what may be stored of a link that names nobody."""
        return self._hashes.hash("link", token)

    def hash_flow(self, flow: str) -> Macs:
        """Return what may be stored of a browser's flow."""
        return self._hashes.hash("flow", flow)

    def hash_typed(self, purpose: Purpose, email: str, typed: str, flow: str | None) -> tuple[Macs, Macs] | None:
        """Return what may be stored of the flow and of a code that was typed; None when it can't be one."""
        code = read_code(typed)
        return (self.hash_flow(flow), self.hash_code(purpose, email, code)) if flow and code else None


def write_letter(kind: LetterKind, address: str, client: Client, user: User | None = None, **facts: str) -> NewLetter:
    """Return a letter that somebody waits for, in their language; it is of use for as long as a code."""
    return NewLetter(kind, address, client.language, LIFETIME, user.id if user else None, facts)


def write_to_owner(kind: LetterKind, owner: User | None, email: str, client: Client, **secret: str) -> NewLetter:
    """Return a letter to the user of an address, spelled as they spell it; without one, a letter that says so."""
    if owner is None:
        return write_letter(LetterKind.NOBODY_HERE, email, client)
    return write_letter(kind, owner.email, client, owner, name=owner.name, **secret)
