"""The project for which scripts take turns that tests run with stand-ins: one for each process of the tests."""

import atexit
import os
from pathlib import Path

PROJECT = f"gatepost-unit-{os.getpid()}"
LOCK = Path(f"/tmp/gatepost-make-up.{PROJECT}.lock")  # noqa: S108 - what the scripts take

atexit.register(LOCK.unlink, missing_ok=True)
