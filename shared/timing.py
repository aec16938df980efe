"""How long things may take, in one picture: a request is answered within ten seconds, and a process ends in time.

A request, in seconds after its body has arrived:

     1   MIGRATION_LOCK_TIMEOUT  a migration gives up its place in the queue for a lock; requests queue behind it
     2   ACQUIRE_TIMEOUT     no connection of the pool came free: 503. A lock that is not granted: LOCK_TIMEOUT
     2   CALL_TIMEOUT        another service has not answered
     5   COMMAND_TIMEOUT     we give up a statement: 503, which says that its outcome is unknown
     6   STATEMENT_TIMEOUT   PostgreSQL gives it up. Later than we do: it ends a wait for a standby by committing
     6   LONGEST_WAIT        a long poll is answered, even if there is nothing new
     7   ANSWER_WITHIN       the service gives up the request: 503
     9   UPSTREAM_WITHIN     the gateway gives up the service: cancelled work may take LET_GO to let go
    10   PROMISE

The end of a process, in seconds after SIGTERM and the DRAIN_SECONDS during which it goes on:

    10   GRACE               running requests have ended, or are cut off
    10.5 CLOSE_TIMEOUT       housekeeping has rolled back its bite, or given up its connection
    11.5 SENDING_GRACE       letters that are being sent have been, or are left to others, and so has delivery
    12   STACK_GRACE         the stack without Docker kills it
    15.5                     the pool is closed: COMMAND_TIMEOUT at most
    16   COMPOSE_GRACE       Docker kills it: 20 s, of which 4 s are DRAIN_SECONDS there

A timeout that concerns only one module is in that module; those that have to agree with others are here.
"""

from typing import Final

PROMISE: Final = 10.0

CLOSE_TIMEOUT: Final = 0.5
ACQUIRE_TIMEOUT: Final = 2.0
LOCK_TIMEOUT: Final = 2.0
MIGRATION_LOCK_TIMEOUT: Final = 1.0
CALL_TIMEOUT: Final = 2.0
COMMAND_TIMEOUT: Final = 5.0
STATEMENT_TIMEOUT: Final = 6.0
LONGEST_WAIT: Final = 6.0
ANSWER_WITHIN: Final = 7.0
LET_GO: Final = 2.0
UPSTREAM_WITHIN: Final = 9.0

FOLLOWER_WAIT: Final = 5.0  # for which a follower asks the service to hold its request
FOLLOWER_TIMEOUT: Final = 8.0  # after which it counts its request as lost

GRACE: Final = 10.0
SENDING_GRACE: Final = 1.0
STACK_GRACE: Final = 12.0
COMPOSE_DRAIN: Final = 4.0
COMPOSE_GRACE: Final = 16.0

KEEP_ALIVE: Final = 5.0  # for which a service keeps an idle connection open: longer than the gateway does

assert MIGRATION_LOCK_TIMEOUT < LOCK_TIMEOUT
assert max(ACQUIRE_TIMEOUT, LOCK_TIMEOUT, CALL_TIMEOUT) < COMMAND_TIMEOUT < STATEMENT_TIMEOUT < ANSWER_WITHIN
assert LONGEST_WAIT < ANSWER_WITHIN
assert ANSWER_WITHIN + LET_GO <= UPSTREAM_WITHIN < PROMISE
assert FOLLOWER_WAIT <= LONGEST_WAIT
assert FOLLOWER_WAIT + LET_GO < FOLLOWER_TIMEOUT
assert ANSWER_WITHIN + LET_GO < GRACE < STACK_GRACE
assert GRACE + SENDING_GRACE + CLOSE_TIMEOUT < STACK_GRACE
assert GRACE + CLOSE_TIMEOUT + COMMAND_TIMEOUT < COMPOSE_GRACE
