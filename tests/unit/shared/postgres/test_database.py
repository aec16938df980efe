"""The pure part of the access to PostgreSQL; its behaviour with a server is tested in ``tests/service/shared``."""

import subprocess
import sys

from tests.support.house import ROOT


def test_images_lack_nothing_that_is_imported() -> None:
    """The services start without sqlglot, which is left out of the images."""
    code = "import sys; sys.modules['sqlglot'] = None; import auth_service.app, posts_service.app"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    assert "site-packages/sqlglot" in (ROOT / "Dockerfile").read_text()
