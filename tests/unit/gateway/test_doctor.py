"""What ``doctor`` of the gateway says where nothing runs."""

from pathlib import Path

from gateway.doctor import examine
from gateway.settings import GatewaySettings
from shared.doctor.findings import Finding
from tests.support.ports import find_free_port

SECRETS = {"secret_key": "k" * 40, "nextauth_secret": "n" * 40, "service_secret": "s" * 40}
SUBJECTS = {"policy", "auth service", "process", "public URL"}


async def look(**changes: object) -> tuple[set[str], Finding]:
    """Return which subjects there are findings of, and the first finding of the policy."""
    port, metrics_port = find_free_port(), find_free_port()
    usual = {**SECRETS, "environment": "development", "nextauth_url": f"http://localhost:{port}"}
    settings = GatewaySettings.model_validate(
        {**usual, "port": port, "metrics_port": metrics_port, "auth_service_url": "http://127.0.0.1:9"}
    )
    found = await examine(settings.model_copy(update=changes))
    return {each.subject for each in found}, next(each for each in found if each.subject == "policy")


async def test_an_upstream_whose_name_is_none() -> None:
    """An upstream whose host has an empty part is a problem of the policy, and all the rest is looked at, too."""
    subjects, policy = await look(posts_service_url="http://posts..internal:8002")
    assert subjects >= SUBJECTS
    assert (policy.level.value, "'posts..internal' is no name of a host" in policy.says) == ("problem", True)


async def test_a_policy_that_can_not_be_looked_at(tmp_path: Path) -> None:
    """Where the look at the policy fails by what nobody thought of, the rest is looked at all the same."""
    subjects, policy = await look(branding=tmp_path / "gone")
    assert subjects >= SUBJECTS
    assert policy.level.value == "unknown"
