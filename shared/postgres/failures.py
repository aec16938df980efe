"""Which errors of PostgreSQL pass, which mean that the server is lost, and how they are counted: by SQLSTATE.

Source: PostgreSQL's manual, appendix A.
"""

# Read-only (a demoted primary), shutting down, crashed, not accepting connections yet; asyncpg turns all of them into
# 08003 in the middle of a command. The pool's other connections are no better then.
LOST_SERVER = {"25006", "57P01", "57P02", "57P03", "08003"}
# Temporary, and no bug of ours, by SQLSTATE: 08 connection lost, 40 rolled back (a deadlock), 53 out of resources,
# 57 operator intervention (including a statement's time-out); 55P03 a lock not granted in time. 28 not authorized,
# 3D no such database: the server is not, or not yet, what it was.
PASSING = ("08", "25006", "28", "3D", "40", "53", "55P03", "57")

# XX000 with these words: a restore has replaced what a statement uses while that waited for it.
_REPLACED = ("cache lookup failed for ", "could not open relation with OID ")

TIMEOUT = "timeout"
"""No connection was free in time, or a command took too long."""
LOST = "connection_lost"

_KINDS = {
    "25006": "read_only",
    "40P01": "deadlock",
    "53100": "disk_full",
    "53200": "out_of_memory",
    "53300": "too_many_connections",
    "53400": "out_of_resources",
    "55P03": "lock_timeout",
    "57014": "statement_timeout",
}
_KINDS_BY_CLASS = {
    "08": LOST,
    "28": "access_refused",
    "3D": "no_such_database",
    "40": "rolled_back",
    "57": LOST,
    "XX": "schema_replaced",
}

KINDS = (TIMEOUT, *sorted({*_KINDS.values(), *_KINDS_BY_CLASS.values()}))
"""Every word by which a failure may be counted."""


def is_replaced(sqlstate: str, message: str) -> bool:
    """Tell whether a restore has replaced what the statement uses.

    Whoever prepared it before goes on to fail: PostgreSQL keeps the number of a function that is no longer there.
    """
    return sqlstate == "XX000" and message.startswith(_REPLACED)


def is_passing(sqlstate: str, message: str) -> bool:
    """Tell whether a statement that failed so may succeed when it is repeated."""
    return sqlstate.startswith(PASSING) or is_replaced(sqlstate, message)


def name_failure(sqlstate: str) -> str:
    """Return the word for a passing failure."""
    return _KINDS.get(sqlstate) or _KINDS_BY_CLASS.get(sqlstate[:2]) or "out_of_resources"
