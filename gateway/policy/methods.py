"""The methods of requests: which are accepted whatever the policy says, and which others a rule may name."""

from typing import Literal, TypeAlias, get_args

UsualMethod: TypeAlias = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
METHODS: frozenset[str] = frozenset(get_args(UsualMethod))
"""The usual methods. What any other may do, and where, a rule has to say."""

FORWARDED_METHODS = METHODS - {"OPTIONS"}
"""The methods of a rule that names none. OPTIONS is answered here unless a rule names it."""

OTHER_METHOD = r"(?!(?:CONNECT|TRACE|PRI)$)[A-Z][A-Z0-9-]{0,31}"
"""A regular expression that matches what a rule may name (RFC 9110, section 9.1): neither CONNECT nor TRACE, which are
about connections, nor the PRI of HTTP/2."""

_OTHERS = """
    ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT COPY LABEL LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MKREDIRECTREF
    MKWORKSPACE MOVE ORDERPATCH PROPFIND PROPPATCH QUERY REBIND REPORT SEARCH UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE
    UPDATEREDIRECTREF VERSION-CONTROL PURGE NOTIFY SUBSCRIBE UNSUBSCRIBE M-SEARCH
"""
REGISTERED = METHODS | frozenset(_OTHERS.split())
"""The methods that are no slip: IANA's (RFC 9110, section 16.1), and those of caches and UPnP."""
