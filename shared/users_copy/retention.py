"""For how long it is remembered that an account was deleted: in the feed of user changes, and in each copy of users.

Only the number and a time are kept. They let no late word, and no restored backup, bring somebody back unnoticed; so
they are kept for longer than any backup that may be restored. Who follows the feed, and has not read a deletion by
then, reads it from the beginning (``following``).
"""

from typing import Annotated, Final

from pydantic import Field

LONGEST_BACKUP: Final = 400  # days
SHORTEST: Final = 35
"""Days: a month, for which most keep backups, and some to notice that one has to be restored."""
DeletionRetention = Annotated[int, Field(ge=SHORTEST, le=36_500)]
