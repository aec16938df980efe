"""The settings of services that have pages: whose they are, and who may sign up."""

from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import field_validator

from shared.settings import Settings
from shared.tokens.secret_files import naming
from shared.web.branding import Branding, load_branding
from shared.web.lacking import NOTHING, OurPage

SignUp: TypeAlias = Literal["open", "invitation", "closed"]
"""Who may make an account: everybody, who has an operator's link, or nobody but an operator."""


class PageSettings(Settings):
    """``branding`` is the folder with an operator's own look and words (``branding``).

    ``sign_up`` is the auth service's concern; the others only don't link to it unless it is ``open``.
    """

    branding: Path | None = None
    sign_up: SignUp = "open"

    @field_validator("branding")
    @classmethod
    def _check_branding(cls, folder: Path | None) -> Path | None:
        """Refuse to start with a folder that can't be used."""
        with naming(folder):
            load_branding(folder)
        return folder

    def load_branding(self) -> Branding:
        """Return what the folder says."""
        return load_branding(self.branding)

    @property
    def lacks(self) -> frozenset[str]:
        """What no page may link to."""
        return NOTHING if self.sign_up == "open" else frozenset({OurPage.SIGN_UP})
