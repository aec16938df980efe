"""The story, told to the containers: the integration tests know nothing but a URL."""

import os
import subprocess
import sys

from tests.support.containers import Containers
from tests.support.running_stack import ROOT


def test_the_story_holds_in_containers(containers: Containers) -> None:
    """Sign up, sign in, write, read bare and with Bearer, be refused: as without Docker."""
    names = {
        "GATEPOST_URL": "gateway",
        "GATEPOST_AUTH_URL": "",
        "GATEPOST_POSTS_URL": "",
        "GATEPOST_POSTS_METRICS_URL": "",
    }
    urls = {name: containers.url if service else "" for name, service in names.items()}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/integration/test_story.py"]
    finished = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **urls}, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stdout


def test_the_compose_file_is_valid(containers: Containers) -> None:
    """The compose here reads the file without a word of complaint."""
    assert containers.compose("config", "--quiet").strip() == ""
