"""Which names of environment variables are slips: meant to be settings of ours, and none.

Pure. A name that is nearly one of a service's settings, or begun as one, is a slip; another service's setting, another
service's address, and whatever somebody else's program reads are not.
"""

import difflib
import re
from collections.abc import Collection, Iterable, Mapping

_PREFIX = "GATEPOST_"  # nothing of ours is called so, though it may look as if it were
_TELLING = 10  # characters that a name has at least of which a slip can be told from somebody else's name
_ALIKE = 0.85  # of a name, as difflib measures it
_FIRST_WORDS = re.compile(r"[A-Z0-9]+_[A-Z0-9]+_(?!URL(_FILE)?$)")  # of a name of three or more that is no address
_OUR_WORDS = re.compile(r"(?:AUDIT|BREACHED|DRAIN|IDEMPOTENCY|NEXTAUTH|RENAMES|TRUSTED)_")  # few others' names begin so
# No slip of another one: two services, and with them their addresses and secrets, may be called nearly the same. The
# protocol is begun like NEXTAUTH_URL, which also those services have that open no cookie; compose mounts the folders.
_OF_ANY_SERVICE = re.compile(
    r"[A-Z][A-Z0-9_]*_((SERVICE|DATABASE)_URL|SERVICE_SECRET(_PREVIOUS)?)(_FILE)?|NEXTAUTH_PROTOCOL|[A-Z]+_FOLDER"
)


def is_slip(name: str, names: frozenset[str], files: Iterable[str], all_secrets: Collection[str]) -> bool:
    """Tell whether a name is a slip: nearly one of these, or begun as one (``SECRET_KEY_OLD``, ``SESSION_MAX``).

    ``files`` are those of the names that may come as a file too, ``all_secrets`` the secrets of all services.
    """
    if name not in names and (_OF_ANY_SERVICE.fullmatch(name) or name.removesuffix("_FILE") in all_secrets):
        return False  # another service's
    begun = (found[0] for each in names for found in (_FIRST_WORDS.match(each), _OUR_WORDS.match(each)) if found)
    if f"{name}_".startswith((_PREFIX, *(f"{secret}_" for secret in files), *begun)):
        return True
    alike = [each for each in names if len(each) >= _TELLING or each == name]
    return bool(difflib.get_close_matches(name, alike, 1, _ALIKE))


def list_name_faults(
    environment: Mapping[str, str], names: frozenset[str], files: frozenset[str], all_secrets: Collection[str]
) -> list[str]:
    """Return a sentence for each slip in an environment, and for each setting that is there twice: as a file, too."""
    unknown = sorted(
        name for name in environment if name not in names and is_slip(name.upper(), names, files, all_secrets)
    )
    doubled = sorted(name for name in files if environment.get(name) and environment.get(f"{name}_FILE"))
    return [
        *([f"unknown setting {', '.join(unknown)}"] if unknown else []),
        *(f"{name} and {name}_FILE are both set; keep one" for name in doubled),
    ]
