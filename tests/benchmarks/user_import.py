"""``python -m tests.benchmarks.user_import [USERS]``: how fast users of another system are imported.

Into the embedded PostgreSQL, as in production (each commit waits for the disk), by the command that operators use; and
again, when all of them are there already. All have the same password hash, for none is computed.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from shared.settings import SAMPLE_SECRETS
from stack.postgres import running_postgres
from tests.support.house import ROOT

USERS = 100_000
HASH = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
COMMAND = (sys.executable, "-m", "auth_service")


def main() -> None:
    """Measure, and print a line for each run."""
    users = int(sys.argv[1]) if len(sys.argv) > 1 else USERS
    with tempfile.TemporaryDirectory(prefix="gatepost-import-") as directory:
        file = Path(directory) / "users.jsonl"
        write_users(file, users)
        with running_postgres(Path(directory) / "data") as postgres:
            settings = {**SAMPLE_SECRETS, "ENVIRONMENT": "development", "PATH": os.defpath}
            environment = {**settings, "AUTH_DATABASE_URL": postgres.urls.auth}
            subprocess.run([*COMMAND, "migrate"], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL, check=True)
            for words in (["--dry-run"], [], []):
                begun = time.monotonic()
                command = [*COMMAND, "user", "import", str(file), "--json", *words]
                done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
                took, tally = time.monotonic() - begun, json.loads(done.stdout)
                told = f"{tally['imported']} {tally['state']}, {tally['present']} present"
                sys.stdout.write(f"{users} users ({told}): {took:.1f} s, {users / took:.0f} a second\n")


def write_users(file: Path, users: int) -> None:
    """Write a line for each user."""
    with file.open("w") as lines:
        for number in range(users):
            user = {"name": f"User {number}", "email": f"user{number}@example.com", "passwordHash": HASH}
            lines.write(json.dumps({**user, "createdAt": "2024-01-02T03:04:05Z"}) + "\n")


if __name__ == "__main__":
    main()
