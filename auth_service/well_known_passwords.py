"""The passwords that most people choose, which every guesser tries first (NIST SP 800-63B, section 3.1.1.2).

The list is that of the package zxcvbn, 30,000 passwords in the order of how common they are, drawn from published
leaks. Only its file of lists is run, never the package: that would build dictionaries of megabytes on the way.
"""

import functools
import importlib.util
from pathlib import Path

PACKAGE = "zxcvbn"
LISTS = "frequency_lists.py"
SHORTEST = 8  # bytes: shorter ones are refused for that


@functools.cache
def load_common_passwords() -> frozenset[str]:
    """Return the common passwords of a length that could be taken, case folded; read once."""
    package = importlib.util.find_spec(PACKAGE)
    assert package is not None
    assert package.submodule_search_locations
    path = Path(package.submodule_search_locations[0]) / LISTS
    spec = importlib.util.spec_from_file_location("common_passwords_list", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    listed: list[str] = module.FREQUENCY_LISTS["passwords"]
    return frozenset(password.casefold() for password in listed if len(password.encode()) >= SHORTEST)


def is_common(password: str) -> bool:
    """Tell whether a password is one of the common ones, however it is capitalised."""
    return password.casefold() in load_common_passwords()
