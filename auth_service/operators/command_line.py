"""The command line for operators: ``python -m auth_service user list`` and so on; ``--help`` shows all of it.

Exit status: as in ``shared/postgres/commands.py``. It reads the service's own settings and talks to its database; the
service itself need not run. Only ``migrate`` changes the schema: looking at a list must not, while services of the
previous release are running.
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

from auth_service.operators import commands, invitations, services
from auth_service.operators.arguments import (
    MOST,
    read_days,
    read_id,
    read_limit,
    read_moment,
    read_role,
    read_service_name,
    read_session,
)
from auth_service.operators.text_tables import Record, draw, write_json
from auth_service.operators.user_import import import_users
from auth_service.parts import Parts
from auth_service.settings import AuthSettings
from shared.errors import AppError
from shared.importing import STANDARD_INPUT
from shared.observing.logs import set_up_logs
from shared.observing.metrics import Metrics
from shared.postgres.commands import DONE, SKIPPED, complain, prepare
from shared.settings import SettingsInvalid, load_settings
from shared.tokens.keys import ES256, RS256

DESCRIPTION = "Without arguments, run the service. The word migrate alone brings its schema up to date."

Command: TypeAlias = Callable[[Parts, argparse.Namespace], Awaitable[Record | Sequence[Record]]]


class OperatorSettings(AuthSettings):
    """The service's settings; the address that it listens on does not matter here."""

    port: int = 8001
    metrics_port: int = 8101


def main(arguments: Sequence[str]) -> int:
    """Run a command, print what it found, and return the exit status."""
    call = _build_parser().parse_args(arguments)
    if call.command is None:
        _say_secrets(call.key_pair, is_json=call.json)
        return DONE
    set_up_logs("auth_service", "ERROR", "text")
    try:
        found = asyncio.run(_run(call.command, load_settings(OperatorSettings), call))
    except (SettingsInvalid, AppError) as error:
        return complain(error)
    sys.stdout.write((write_json(found) if call.json else draw(found)) + "\n")
    return SKIPPED if isinstance(found, Mapping) and found.get("skipped") else DONE


async def _run(command: Command, settings: AuthSettings, call: argparse.Namespace) -> Record | Sequence[Record]:
    parts = Parts.build(settings, Metrics())
    try:
        await prepare(parts.database, parts.epoch_watch, "auth_service")
        return await command(parts, call)
    finally:
        await parts.stop()


def _say_secrets(algorithm: str | None, *, is_json: bool) -> None:
    if algorithm is not None:
        pair = commands.make_pair(algorithm)
        sys.stdout.write(write_json(pair) + "\n" if is_json else str(pair["pem"]))
        return
    fresh = commands.make_secrets()
    lines = "\n".join(f"{name}={value}" for name, value in fresh.items())
    sys.stdout.write((write_json(fresh) if is_json else lines) + "\n")


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m auth_service", description=DESCRIPTION)
    nouns = parser.add_subparsers(metavar="NOUN", required=True)
    _add_users(nouns)
    sessions = _add_noun(nouns, "session", "sign-ins on devices")
    latest_sessions = _add_verb(sessions, "list", "the newest", commands.list_sessions)
    audit = _add_verb(nouns, "audit", "what happened, the newest first", commands.show_audit)
    for latest in (latest_sessions, audit):
        latest.add_argument("--user", type=read_id, metavar="ID", help="only of this user")
        _add_limit(latest)
    _add_pruning(audit)
    ended = _add_verb(sessions, "end", "end one session", commands.end_session)
    ended.add_argument("id", type=read_session)
    _add_services(nouns)
    _add_invitations(nouns)
    tested = _add_verb(
        _add_noun(nouns, "mail", "letters"),
        "test",
        "send a letter, and show what the server answers",
        commands.send_test_letter,
    )
    tested.add_argument("address")
    fresh = _add_verb(_add_noun(nouns, "secret", "keys"), "new", "fresh secrets, as lines for .env", None)
    fresh.add_argument(
        "--key-pair",
        nargs="?",
        const=ES256,
        choices=(ES256, RS256),
        help="instead, a private key in PEM for the file that TOKEN_KEY_FILE names, ES256 unless said otherwise",
    )
    return parser


Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - it has no public name


def _add_noun(nouns: Verbs, name: str, meaning: str) -> Verbs:
    return nouns.add_parser(name, help=meaning).add_subparsers(metavar="VERB", required=True)


def _add_verb(verbs: Verbs, name: str, meaning: str, command: Command | None) -> argparse.ArgumentParser:
    verb = verbs.add_parser(name, help=meaning, description=meaning)
    verb.set_defaults(command=command)
    verb.add_argument("--json", action="store_true", help="for programs")
    return verb


def _add_users(nouns: Verbs) -> None:
    users = _add_noun(nouns, "user", "who signed up")
    listed = _add_verb(users, "list", "by id", commands.list_users)
    listed.add_argument("--after", type=read_id, default=0, metavar="ID", help="only those with a greater id")
    _add_limit(listed)
    shown = _add_verb(users, "show", "one user", commands.show_user)
    shown.add_argument("id", type=read_id)
    created = _add_verb(
        users, "create", "sign somebody up; the password comes from standard input", commands.create_user
    )
    created.add_argument("name")
    created.add_argument("email")
    _add_roles(created, "--role", "given from the start")
    imported = _add_verb(users, "import", "users of another system, with their password hashes", import_users)
    imported.add_argument("file", metavar="FILE", help=f"JSON lines; {STANDARD_INPUT}: standard input")
    imported.add_argument("--dry-run", action="store_true", help="only check and count them")
    changed = _add_verb(users, "role", "give and take roles", commands.change_roles)
    changed.add_argument("id", type=read_id)
    _add_roles(changed, "--add", "given")
    _add_roles(changed, "--remove", "taken away, which ends the user's sessions")
    changed.add_argument(
        "--keep-sessions", action="store_true", help="end none: a role taken away counts until the last token is over"
    )
    disabled = _add_verb(users, "disable", "let a user sign in no more, and end their sessions", commands.disable_user)
    enabled = _add_verb(users, "enable", "let a user who was disabled sign in again", commands.enable_user)
    deleted = _add_verb(users, "delete", "delete a user for good, with sessions and posts", commands.delete_user)
    reset = _add_verb(
        users,
        "reset-password",
        "void a user's password, end their sessions, and write to them how to set a new one",
        commands.reset_password,
    )
    unlinked = _add_verb(
        users, "unlink", "take away what a user has at a provider, and end their sessions", commands.unlink_user
    )
    for verb in (disabled, enabled, deleted, reset, unlinked):
        verb.add_argument("id", type=read_id)
    reset.add_argument("--unlink", action="store_true", help="take away what they have at other providers, too")
    unlinked.add_argument("provider", metavar="PROVIDER", help="its id")


def _add_services(nouns: Verbs) -> None:
    others = _add_noun(nouns, "service", "external services, which learn which sessions were ended")
    created = _add_verb(others, "create", "a credential for a service; it is shown only once", services.create_service)
    _add_verb(others, "list", "by name", services.list_services)
    revoked = _add_verb(others, "revoke", "make a service's credential void", services.revoke_service)
    for verb in (created, revoked):
        verb.add_argument("name", type=read_service_name, metavar="NAME")


def _add_invitations(nouns: Verbs) -> None:
    verbs = _add_noun(nouns, "invitation", "links that let people sign up where SIGN_UP=invitation")
    made = _add_verb(verbs, "new", "a link, which is shown only once", invitations.make_invitation)
    made.add_argument("--uses", type=read_limit, default=1, metavar="N", help="accounts that it is good for (1)")
    made.add_argument("--days", type=read_days, default=7, metavar="N", help="days that it is good for (7)")
    made.add_argument("--note", default="", metavar="TEXT", help="whom it is for, for your list")
    _add_limit(_add_verb(verbs, "list", "those that are not over, the newest first", invitations.list_invitations))
    revoked = _add_verb(verbs, "revoke", "let nobody in by it any more", invitations.revoke_invitation)
    revoked.add_argument("id", type=read_id)


def _add_pruning(audit: argparse.ArgumentParser) -> None:
    pruned = _add_verb(
        audit.add_subparsers(metavar="[VERB]"), "prune", "delete old lines, and note that", commands.prune_audit
    )
    moment = pruned.add_mutually_exclusive_group(required=True)
    moment.add_argument("--before", type=read_moment, metavar="TIME", help="those from before it: 2026-01-31, in UTC")
    moment.add_argument("--older-than", type=read_days, metavar="DAYS", help="those that are older")
    pruned.add_argument("--dry-run", action="store_true", help="only count them")


def _add_roles(verb: argparse.ArgumentParser, option: str, meaning: str) -> None:
    verb.add_argument(option, type=read_role, action="append", default=[], help=f"{meaning}; may be repeated")


def _add_limit(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--limit", type=read_limit, default=50, metavar="N", help=f"at most {MOST} (50)")
