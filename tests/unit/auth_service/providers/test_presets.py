"""Providers are data: what the code knows of any stands in the presets."""

import ast

from auth_service.providers.presets import PRESETS
from tests.support.house import list_modules

EXAMPLE = "auth_service/api/identity_schemas.py"  # of an answer, in the API's description


def test_no_other_module_knows_a_provider() -> None:
    """A further provider touches no file of ours: it is a table of providers.toml, and nothing asks which one it is."""
    knowing = {
        module.name
        for module in list_modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant) and node.value in {*PRESETS, *(preset.issuer for preset in PRESETS.values())}
    }
    assert knowing == {"auth_service/providers/presets.py", EXAMPLE}
