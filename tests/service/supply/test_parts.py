"""``make sbom``: the list of parts."""

import json
import subprocess
import sys
from pathlib import Path

from tests.support.locks import read_lock

ROOT = Path(__file__).parents[3]


def write_parts(path: Path) -> bytes:
    """Return the list of parts, as the target writes it."""
    tool = Path(sys.executable).with_name("cyclonedx-py")
    subprocess.run(["deploy/sbom.sh", str(tool), str(path)], cwd=ROOT, check=True, capture_output=True)
    return path.read_bytes()


def test_it_lists_every_library_of_the_images(tmp_path: Path) -> None:
    """The list is CycloneDX and names each locked library with its version, its package URL and its hashes."""
    parts = json.loads(write_parts(tmp_path / "parts.json"))
    assert (parts["bomFormat"], parts["specVersion"]) == ("CycloneDX", "1.6")
    assert parts["metadata"]["component"]["name"] == "gatepost"
    listed = {part["name"]: part["version"] for part in parts["components"]}
    assert listed == read_lock(ROOT / "requirements.txt")
    for part in parts["components"]:
        assert part["purl"].startswith(f"pkg:pypi/{part['name']}@{part['version']}")
        assert part["externalReferences"][0]["hashes"]


def test_the_same_locks_give_the_same_list(tmp_path: Path) -> None:
    """Two runs write the same bytes, so that a difference is a difference of parts."""
    assert write_parts(tmp_path / "one.json") == write_parts(tmp_path / "two.json")
