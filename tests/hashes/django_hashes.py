"""Reads passwords from standard input, as JSON, and prints the hash that each of Django's hashers makes of each.

The first is hashed as Django does by itself, the others at less cost, so that the tests need not wait.
"""

import json
import sys

from django.conf import settings
from django.contrib.auth import hashers

HASHERS = {
    "pbkdf2_sha256": "PBKDF2PasswordHasher",
    "scrypt": "ScryptPasswordHasher",
    "argon2": "Argon2PasswordHasher",
    "bcrypt": "BCryptPasswordHasher",
    "bcrypt_sha256": "BCryptSHA256PasswordHasher",
    "pbkdf2_sha1": "PBKDF2SHA1PasswordHasher",
}
CHEAP = {"iterations": 1000, "rounds": 4, "work_factor": 1024}

settings.configure(PASSWORD_HASHERS=[f"django.contrib.auth.hashers.{name}" for name in HASHERS.values()])


def hash_by_each(password: str) -> dict[str, str]:
    """Return the hash that each hasher makes of a password."""
    return {name: hashers.make_password(password, hasher=name) for name in HASHERS}


first, *others = json.load(sys.stdin)
made = [hash_by_each(first)]
for name in HASHERS:
    for figure, value in CHEAP.items():
        setattr(hashers.get_hasher(name), figure, value)
json.dump([*made, *map(hash_by_each, others)], sys.stdout)
