"""TLS to an upstream: by an address that begins with https (RFC 9110, section 4.3.4).

The upstream's certificate is verified, its name too, always: by the authorities that the machine knows, or by those of
the policy's ``ca_file`` alone. There is no switch to turn that off, for then anybody on the way could be the upstream.
Nor can anybody on the way end an answer early: one that ends with its connection has to end by TLS's own word.
"""

import asyncio
import ssl
from collections.abc import Iterable

from gateway.policy.upstreams import Replica


def create_context(replicas: Iterable[Replica], authorities: str | None) -> ssl.SSLContext | None:
    """Return what connections to these replicas need; None where none of them speaks TLS.

    ``authorities`` are certificates in PEM. Raises OSError where they are none.
    """
    if not any(replica.is_tls for replica in replicas):
        return None
    context = ssl.create_default_context(cadata=authorities)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def is_cut_off(transport: asyncio.Transport) -> bool:
    """Tell whether the other side of a connection that ended did not say so by TLS (RFC 8446, section 6.1)."""
    tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    if tls is None:
        return False
    try:
        return bool(tls.read(1))
    except ssl.SSLZeroReturnError:
        return False
    except ssl.SSLError:  # as if more were to come
        return True
