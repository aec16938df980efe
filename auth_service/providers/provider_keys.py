"""The keys by which a provider signs ID tokens, and which of them is meant (RFC 7517; OpenID Connect Core 1.0, 10.1).

1. A key is found by its name. Keys are never tried in turn: where two of one name would do, or none is named and there
   are several, none is meant.
2. A key that is not known costs at most one fetch in 30 seconds, however many wait for it, and evicts nothing
   (``cached_document``).
"""

from collections.abc import Sequence
from typing import TypeAlias

from auth_service.providers.cached_document import CachedDocument
from auth_service.providers.http import LONGEST_KEYS, ProviderFailed, ProviderHttp
from auth_service.providers.signatures import ProviderKey, read_key

MOST_KEYS = 100

KeySet: TypeAlias = Sequence[ProviderKey]


async def fetch_keys(url: str, http: ProviderHttp) -> KeySet:
    """Return the keys that a provider publishes; ProviderFailed."""
    return read_key_set(await http.get_json(url, longest=LONGEST_KEYS))


def read_key_set(document: object) -> KeySet:
    """Return the keys of a set that are of use here; ProviderFailed when there are none."""
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list) or len(listed) > MOST_KEYS:
        raise ProviderFailed("keys_no_set")
    keys = tuple(key for each in listed if (key := read_key(each)) is not None)
    if not keys:
        raise ProviderFailed("keys_of_no_use")
    return keys


def find_key(keys: KeySet, kid: str | None, algorithm: str) -> ProviderKey | None:
    """Return the one key that is meant, or None."""
    fitting = [key for key in keys if algorithm in key.algorithms and kid in {None, key.kid}]
    return fitting[0] if len(fitting) == 1 else None


async def read_signing_key(document: CachedDocument[KeySet], kid: str | None, algorithm: str) -> ProviderKey:
    """Return the key that is meant, among newer ones if need be; ProviderFailed."""
    key = find_key(await document.read(), kid, algorithm) or find_key(await document.read_newer(), kid, algorithm)
    if key is None:
        raise ProviderFailed("id_token_of_unknown_key")
    return key
