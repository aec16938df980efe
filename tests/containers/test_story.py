"""The story, told to the containers: the integration tests know nothing but a URL."""

from pathlib import Path

from tests.support.containers import Containers
from tests.support.other_pytest import run_tests


def test_the_story_holds_in_containers(containers: Containers, tmp_path: Path) -> None:
    """Sign up, sign in, write, read bare and with Bearer, be refused: as without Docker."""
    names = {
        "GATEPOST_URL": "gateway",
        "GATEPOST_AUTH_URL": "",
        "GATEPOST_POSTS_URL": "",
        "GATEPOST_POSTS_METRICS_URL": "",
    }
    urls = {name: containers.url if service else "" for name, service in names.items()}
    finished = run_tests("-q", "tests/integration/test_story.py", temporary=tmp_path, environment=urls)
    assert finished.returncode == 0, finished.stdout


def test_the_compose_file_is_valid(containers: Containers) -> None:
    """The compose here reads the file without a word of complaint."""
    assert containers.compose("config", "--quiet").strip() == ""
