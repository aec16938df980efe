"""``python -m stack doctor``: every service's doctor, one after the other, with the settings of the running stack."""

import subprocess
import sys
from collections.abc import Mapping, Sequence

DOCTOR = "doctor"


def examine_all(environments: Mapping[str, Mapping[str, str]], words: Sequence[str]) -> int:
    """Let each service's doctor print what it finds, and return the highest exit status."""
    asked = [
        subprocess.run((sys.executable, "-m", service, *words), env=environment, check=False)
        for service, environment in environments.items()
    ]
    return max(each.returncode for each in asked)
