"""With what a command of a service ends."""

from enum import IntEnum


class ExitStatus(IntEnum):
    """The exit status of ``python -m SERVICE COMMAND``; a status but 0 goes with a sentence that says why."""

    DONE = 0
    FAILED = 1  # refused, not found or not possible now; for doctor: something is at fault
    WRONG = 2  # the call or a setting, as argparse ends
    SKIPPED = 3  # done but for lines of a file, each of which is named
    BEHIND = 4  # migrate --check: migrations are lacking
    AHEAD = 5  # migrate --check: a newer release has been here, whatever else is lacking
    STOPPED = 130  # by Ctrl-C, as shells have it
