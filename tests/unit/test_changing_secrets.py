"""``deploy/change_secret.sh`` on an ``.env``, step by step; PostgreSQL is what a script in compose's place says."""

import shutil
import subprocess
from pathlib import Path

import pytest
from dotenv import dotenv_values

from tests.support.house import ROOT

ENV = """# ours
SECRET_KEY="old one-0001"  # signs
 export NEXTAUTH_SECRET = sealed-0001 # seals
GATEWAY_SERVICE_SECRET=gateway-0001
AUTH_DATABASE_URL=postgresql://auth:old@postgres:5432/auth
POSTS_DATABASE_URL=postgresql://posts:old@postgres:5432,postgres_standby:5432/posts?target_session_attrs=read-write
POSTS_REPLICA_URL=postgresql://posts:old@postgres_standby:5432/posts
REPLICATION_PASSWORD=old
""".replace("old one", "old-one")
# Refuses to change the role that it is told, and keeps what it is told to do.
COMPOSE = """
case "$*" in ps*) exit ;; esac
read -r -d "" said || true
case $said in *"\\"$REFUSED\\""*) echo "no" >&2; exit 1 ;; esac
printf "%s\\n" "$said" >>statements
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Give a folder with the scripts and an ``.env``."""
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    (tmp_path / ".env").write_text(ENV)
    (tmp_path / "compose").write_text(COMPOSE)
    return tmp_path


def change(project: Path, *words: str, refused: str = "") -> tuple[int, str]:
    """Return the exit status and what was printed."""
    environment = {"PATH": "/usr/bin:/bin", "COMPOSE": f"bash {project / 'compose'}", "REFUSED": refused}
    command = [project / "deploy" / "change_secret.sh", *words]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert sorted(path.name for path in project.glob(".env*")) == [".env"]
    return ended.returncode, ended.stdout + ended.stderr


def read(project: Path) -> dict[str, str]:
    """Return what stands in ``.env``, as the library reads it that compose 1.29 has."""
    return {name: value or "" for name, value in dotenv_values(project / ".env").items()}


@pytest.mark.parametrize("name", ["SECRET_KEY", "NEXTAUTH_SECRET"])
def test_each_step_may_be_repeated(project: Path, name: str) -> None:
    """A step that is done twice is done once: above all nothing is swapped back. However the line is written."""
    before = read(project)
    done: dict[str, list[dict[str, str]]] = {"announce": [], "use": [], "retire": []}
    for step, texts in done.items():
        assert change(project, step, name)[0] == 0
        texts.append(read(project))
        assert change(project, step, name) == (0, f"{name}: that is done already\n")
        texts.append(read(project))
        assert texts[0] == texts[1]
    announced, used, retired = (texts[0] for texts in done.values())
    new = announced[f"{name}_PREVIOUS"]
    assert announced == {**before, f"{name}_PREVIOUS": new}
    assert used == {**before, name: new, f"{name}_PREVIOUS": before[name]}
    assert retired == {**before, name: new}
    assert "# ours\n" in (project / ".env").read_text()


def test_no_step_is_left_out(project: Path) -> None:
    """What is not announced can't be used, nor retired what is not used; of several names, none is changed then."""
    assert change(project, "announce", "SECRET_KEY")[0] == 0
    before = (project / ".env").read_text()
    assert change(project, "use", "SECRET_KEY", "NEXTAUTH_SECRET") == (
        2,
        "NEXTAUTH_SECRET_PREVIOUS is not there: announce a new one first\n",
    )
    assert change(project, "retire", "SECRET_KEY")[1] == "SECRET_KEY was announced and is not used yet: use it first\n"
    assert (project / ".env").read_text() == before
    with (project / ".env").open("a") as env:
        env.write("NEXTAUTH_SECRET_PREVIOUS=by-hand\n")
    assert "nobody can tell the new one from the old" in change(project, "use", "NEXTAUTH_SECRET")[1]


def test_a_password_that_was_changed_is_kept(project: Path) -> None:
    """If the second role fails, the first one's new password stands in ``.env`` all the same, everywhere it has to."""
    before = read(project)
    status, said = change(project, "database", "posts", "auth", refused="auth")
    assert (status, said.splitlines()[-1]) == (
        2,
        "PostgreSQL did not take the new password of auth, and .env has the old one: repeat this once it answers",
    )
    password = (project / "statements").read_text().split("'")[-2]
    after = read(project)
    assert {name for name in after if after[name] != before[name]} == {"POSTS_DATABASE_URL", "POSTS_REPLICA_URL"}
    for name in ("POSTS_DATABASE_URL", "POSTS_REPLICA_URL"):
        assert after[name] == before[name].replace(":old@", f":{password}@")
    assert change(project, "database", "auth")[0] == 0
    told = (project / "statements").read_text().splitlines()
    assert all("SET synchronous_commit = local; ALTER ROLE" in line for line in told)  # though no standby follows
    assert read(project)["AUTH_DATABASE_URL"] != before["AUTH_DATABASE_URL"]


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("AUTH_DATABASE_URL", "auth:old@db.example.com:5432/auth"),
        ("AUTH_DATABASE_URL", "owner:old@postgres:5432/auth"),
        ("POSTS_REPLICA_URL", "posts:old@replica.example.com:5432/posts"),
    ],
)
def test_a_database_elsewhere_is_left_alone(project: Path, name: str, address: str) -> None:
    """A URL that leads to another server or role stays as it is, and no role is changed."""
    env = project / ".env"
    env.write_text(f"{ENV}{name}=postgresql://{address}\n")
    before = env.read_text()
    status, said = change(project, "database", "auth", "posts")
    assert status == 2
    assert f"{name} in .env does not lead to role {name.split('_', maxsplit=1)[0].lower()} at the PostgreSQL of" in said
    assert env.read_text() == before
    assert not (project / "statements").exists()


def test_a_link_stays_one(project: Path) -> None:
    """Where ``.env`` is a link, the file is changed that it leads to, and nothing is left beside either."""
    elsewhere = project / "etc"
    elsewhere.mkdir()
    (project / ".env").rename(elsewhere / "gatepost.env")
    (project / ".env").symlink_to("etc/gatepost.env")
    assert change(project, "announce", "SECRET_KEY")[0] == 0
    assert (project / ".env").is_symlink()
    assert "SECRET_KEY_PREVIOUS" in dotenv_values(elsewhere / "gatepost.env")
    assert [path.name for path in elsewhere.iterdir()] == ["gatepost.env"]


def test_the_standby_gets_its_password(project: Path) -> None:
    """The role ``standby`` gets a new one, and so do the standby itself and ``.env``."""
    assert change(project, "database", "standby")[0] == 0
    password = read(project)["REPLICATION_PASSWORD"]
    assert password != "old"
    told = (project / "statements").read_text()
    assert f"ALTER ROLE \"standby\" PASSWORD '{password}'" in told
    assert f"'password={password}'" in told


def test_what_is_read_otherwise_is_left_alone(project: Path) -> None:
    """A value that compose may read as another is not written anew."""
    (project / ".env").write_text("SECRET_KEY=with$dollar\n")
    assert change(project, "announce", "SECRET_KEY") == (
        2,
        "SECRET_KEY in .env has a character that compose may read as another; change it by hand\n",
    )
