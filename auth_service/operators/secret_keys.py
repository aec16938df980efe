"""The commands that make secrets and keys; they need neither settings nor a database."""

import secrets
import sys

from auth_service.operators.arguments import Call, add_verb
from auth_service.settings import AuthSettings
from shared.command_line.arguments import Verbs, add_noun
from shared.command_line.text_tables import Record, write_json
from shared.tokens.key_pairs import make_key_pair, read_key_pairs
from shared.tokens.keys import ES256, RS256
from shared.tokens.service_settings import list_callers, name_secret

SECRET_LENGTH = 48  # random bytes


def add_secrets(nouns: Verbs) -> None:
    """Add them to the command line."""
    fresh = add_verb(add_noun(nouns, "secret", "keys"), "new", "fresh secrets, as lines for .env", None)
    fresh.add_argument(
        "--key-pair",
        nargs="?",
        const=ES256,
        choices=(ES256, RS256),
        help="instead, a private key in PEM for the file that TOKEN_KEY_FILE names, ES256 unless said otherwise",
    )


def say_secrets(call: Call) -> None:
    """Print fresh secrets, or a key pair."""
    if call.key_pair is not None:
        pair = make_pair(call.key_pair)
        sys.stdout.write(write_json(pair) + "\n" if call.json else str(pair["pem"]))
        return
    fresh = make_secrets()
    lines = "\n".join(f"{name}={value}" for name, value in fresh.items())
    sys.stdout.write((write_json(fresh) if call.json else lines) + "\n")


def make_secrets() -> Record:
    """Return a fresh value for each secret: one for each service that calls this one, rather than one for all."""
    names = ("SECRET_KEY", "NEXTAUTH_SECRET", *map(name_secret, list_callers(AuthSettings)))
    return {name: secrets.token_urlsafe(SECRET_LENGTH) for name in names}


def make_pair(algorithm: str) -> Record:
    """Return a fresh key pair: the private key in PEM, and what tokens call it."""
    pem = make_key_pair(algorithm)
    return {"kid": read_key_pairs(pem.encode()).published[0].kid, "algorithm": algorithm, "pem": pem}
