"""Whether a service and the auth service have the same settings where they must: asked by ``doctor``, in a signed call.

Values are told to nobody: see ``setting_hashes``.
"""

import secrets

from pydantic import ValidationError

from shared.auth_events.contract import COMPARISON_PATH, SettingAnswer, SettingQuestion
from shared.auth_events.following import create_auth_client
from shared.doctor.findings import Finding, looks_at, ok, problem, unknown, warning
from shared.doctor.setting_hashes import Likeness, Values, hash_settings
from shared.errors import Unavailable
from shared.observing.clocks import Clocks
from shared.observing.metrics import Metrics
from shared.settings import Settings, reveal
from shared.tokens.service_settings import name_secret_in_use
from shared.verifier_settings import FollowerSettings
from shared.web.service_calls import BadStatus, ServiceClient

SUBJECT = "auth service"
UNSET = ""
_COMPARED = ("nextauth_url", "access_token_ttl", "nextauth_protocol", "cookie_domain", "session_max_age", "sign_up")
_SECRETS = ("secret_key", "nextauth_secret")
_REFUSALS = {
    401: "{secret} is not what the auth service has for us, or the clocks differ",
    403: "the auth service takes us for another service: {secret} is that one's",
    404: "the auth service is of an earlier release, which can't compare settings",
}


def list_compared(settings: Settings) -> Values:
    """Return the settings that the services must agree on: the secrets that are set here, and all others that we know.

    One of those that is not set is an empty text, so that it differs from what the other service has. A secret never
    is, since an empty key would tell who knows the nonce that there is none.
    """
    plain = {name.upper(): getattr(settings, name) for name in _COMPARED if name in type(settings).model_fields}
    held = {name: getattr(settings, name, None) for name in _SECRETS}
    return {
        **{name: [UNSET if value is None else str(value)] for name, value in plain.items()},
        **{
            name.upper(): [secret.get_secret_value(), *reveal(getattr(settings, f"{name}_previous"))]
            for name, secret in held.items()
            if secret is not None
        },
    }


@looks_at(SUBJECT)
async def examine_auth_service(service: str, settings: FollowerSettings) -> list[Finding]:
    """Return what the auth service says of a service's call, of its settings, and of what time it is there."""
    clocks, ours = Clocks(Metrics()), list_compared(settings)
    client = create_auth_client(service, settings, clocks)
    try:
        answer = await _ask(client, ours)
    except (Unavailable, ValidationError) as error:
        return [*_list_clock(clocks), _explain(error, name_secret_in_use(settings, service))]
    finally:
        await client.close()
    spared = {name for name, (value, *_) in ours.items() if value == UNSET}
    spared |= {"SECRET_KEY"} if settings.follows_keys else set()
    found = [_judge(name, Likeness(like), may_lack=name in spared) for name, like in answer.likeness.items()]
    wrong = [finding for finding in found if finding is not None]
    agreed = sorted(answer.likeness.keys() - {finding.says.partition(" ")[0] for finding in wrong})
    return [
        ok(SUBJECT, f"it takes our calls for those of {answer.caller}"),
        *([ok(SUBJECT, f"it has the same {', '.join(agreed)}")] if agreed else []),
        *wrong,
        *_list_clock(clocks),
    ]


async def _ask(client: ServiceClient, values: Values) -> SettingAnswer:
    """Return how the auth service has some settings; Unavailable, ValidationError."""
    nonce = secrets.token_hex(16)
    question = SettingQuestion(nonce=nonce, hashes=hash_settings(values, nonce))
    return SettingAnswer.model_validate(await client.post_json(COMPARISON_PATH, question.model_dump(by_alias=True)))


def _judge(name: str, like: Likeness, *, may_lack: bool) -> Finding | None:
    """Return what is wrong. The auth service ``may_lack`` a key that nobody needs there, or what is not set here.

    One of an earlier release does not compare what is not set there.
    """
    if like is Likeness.SAME or (like is Likeness.UNKNOWN and may_lack):
        return None
    if like is Likeness.PREVIOUS:
        says = f"{name} is one that the auth service has among {name}_PREVIOUS"
        return warning(SUBJECT, says, "go on with the change of the secret (docs/operations.md)")
    return problem(SUBJECT, f"{name} is not what the auth service has", "give both services the same value")


def _list_clock(clocks: Clocks) -> list[Finding]:
    remark = clocks.find_remark()
    return [problem(SUBJECT, remark)] if remark is not None else []


def _explain(error: Exception, secret: str) -> Finding:
    cause = error.__cause__ or error
    if not isinstance(cause, BadStatus):
        says = f"it does not answer: {str(cause) or type(cause).__name__}"
        return problem(SUBJECT, says, "start it, or correct AUTH_SERVICE_URL")
    says = _REFUSALS.get(cause.status, "it can't answer now").format(secret=secret)
    if cause.status == 404:  # noqa: PLR2004
        return unknown(SUBJECT, says)
    return problem(SUBJECT, f"it answers {cause.status}: {says}", f"give both services the same {secret}")
