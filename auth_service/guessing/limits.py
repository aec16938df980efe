"""What is limited, and by which rule of ``throttle``: read from the settings."""

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum

from auth_service.guessing.throttle import Allowance, Cap, Limit, Rule
from auth_service.settings import AuthSettings

ADDRESSES_TO_CLOSE = 5  # how many addresses it takes to close an account: each alone gets a fifth of its failures


class Reason(StrEnum):
    """What was tried too often, by whom; a label of the metrics."""

    ACCOUNT = "sign_in_account"
    ACCOUNT_AT_ADDRESS = "sign_in_account_at_address"
    ADDRESS = "sign_in_address"
    BROWSER = "sign_in_known_browser"
    SIGN_UP = "sign_up"
    LOG = "client_log"
    REFRESH = "token_refresh"
    RENAME = "rename"


def read_limits(settings: AuthSettings) -> Mapping[Reason, Rule]:
    """Return the rule for each thing that is counted."""
    window = dt.timedelta(seconds=settings.sign_in_failure_window)
    free, in_a_row = settings.sign_in_failures_per_account, settings.sign_in_failures_in_a_row
    at_address = Limit(free, window, settings.sign_in_longest_wait, max(free, in_a_row // ADDRESSES_TO_CLOSE))
    return {
        Reason.ACCOUNT: Cap(in_a_row),
        Reason.ACCOUNT_AT_ADDRESS: at_address,
        Reason.BROWSER: at_address,
        Reason.ADDRESS: Allowance(settings.sign_in_failures_per_address, window),
        Reason.SIGN_UP: Allowance(settings.sign_ups_per_hour, dt.timedelta(hours=1)),
        Reason.LOG: Allowance(settings.client_logs_per_minute, dt.timedelta(minutes=1)),
        Reason.REFRESH: Allowance(settings.token_refreshes_per_hour, dt.timedelta(hours=1)),
        Reason.RENAME: Allowance(settings.renames_per_hour, dt.timedelta(hours=1)),
    }
