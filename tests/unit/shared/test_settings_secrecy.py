"""No error about settings shows a value: whatever was set may be a secret, even where none belongs."""

import pytest

from shared.settings import SettingsInvalid, list_file_names, list_names, load_settings
from stack.services import SERVICES, SETTING_NAMES, Service

SECRET = "k3pTtoOurselves"  # the test's own
DIGITS = "41877"
SHAPES = {
    "plain": SECRET,
    "like a path": f"/{SECRET}/{DIGITS}+x==",
    "like a path from here": f"./{SECRET}",
    "like a path to somewhere": f"/etc{SECRET}/{DIGITS}",
    "in a list": f"10.0.0.1,{SECRET},{DIGITS} {DIGITS}",
    "a key": f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----",
    "a URL with a number sign": f"postgresql://role:{DIGITS}#{SECRET}@db/users",
    "a URL with a slash": f"postgresql://role:{DIGITS}/{SECRET}@db:5432/users",
    "a URL with a question mark": f"postgresql://role:{DIGITS}?{SECRET}@db/users",
    "a URL with an at sign": f"postgresql://role:{SECRET}@{DIGITS}/{SECRET}@db/users",
    "a URL with a bracket": f"postgresql://role:{SECRET}[{DIGITS}@db/users",
    "a URL with a wrong port": f"postgresql://role:{SECRET}:{DIGITS}",
    "a URL of mail": f"smtp://role:{DIGITS}#{SECRET}@mail.example",
    "a URL of mail with a slash": f"smtp://role:{DIGITS}/{SECRET}@mail.example",
}
LOOKED_AT_LAST = {"COOKIE_DOMAIN", "MAIL_FROM", "PROVIDERS_FILE", "SMTP_URL"}
"""Settings that are checked where all others are right."""
LEAST = {
    "ENVIRONMENT": "development",
    "NEXTAUTH_URL": "https://example.com",
    "SECRET_KEY": "a-key-of-our-own-0123456789abcdefgh-01",
    "NEXTAUTH_SECRET": "a-key-of-our-own-0123456789abcdefgh-02",
    "SERVICE_SECRET": "a-key-of-our-own-0123456789abcdefgh-03",
    "AUTH_DATABASE_URL": "postgresql://auth@db/auth",
    "POSTS_DATABASE_URL": "postgresql://posts@db/posts",
    "AUTH_SERVICE_URL": "http://auth:8001",
    "PORT": "8001",
    "METRICS_PORT": "8101",
    "MAIL_FROM": "no-reply@example.com",
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_no_error_shows_a_value(service: Service, shape: str) -> None:
    """A secret in the place of any setting, or of any file that a setting names, is in no sentence that refuses it."""
    value = SHAPES[shape]
    files = {f"{name}_FILE" for name in list_file_names(service.settings)}
    values = list_names(service.settings) - files
    environments = [
        {**LEAST, **dict.fromkeys(values, value)},
        {**LEAST, **dict.fromkeys(values - {"ENVIRONMENT"}, value)},
        {**dict.fromkeys(LEAST, ""), "ENVIRONMENT": "development", **dict.fromkeys(files, value)},
        *({**LEAST, name: value} for name in LOOKED_AT_LAST & values),
    ]
    said = [refuse(service, environment) for environment in environments]
    assert all(said[:3])
    assert not [each for each in said if SECRET.lower() in each.lower() or DIGITS in each]


@pytest.mark.parametrize("name", ["AUTH_DATABASE_URL", "POSTS_DATABASE_URL"])
@pytest.mark.parametrize("sign", "#/?@")
def test_a_sign_that_ends_a_url(name: str, sign: str) -> None:
    """A password with a sign that ends the servers of a URL is refused, in a sentence that says how it is written."""
    (service,) = (each for each in SERVICES if name in list_file_names(each.settings))
    said = refuse(service, {**LEAST, name: f"postgresql://role:{DIGITS}{sign}x@db/users"})
    says = "has an unescaped character in its password or its options"
    assert said == f"{name}: {says}: write # as %23, / as %2F, ? as %3F, @ as %40"


@pytest.mark.parametrize("servers", ["db:99999", "db:0", "one:5432,two:70000", "db:x"])
def test_a_port_that_is_none(servers: str) -> None:
    """A port that there can't be is refused at the start, by what a server looks like."""
    (service,) = (each for each in SERVICES if "AUTH_DATABASE_URL" in list_file_names(each.settings))
    said = refuse(service, {**LEAST, "AUTH_DATABASE_URL": f"postgresql://role:word@{servers}/users"})
    assert said == "AUTH_DATABASE_URL: must name servers as host:5432, and others after a comma"


def refuse(service: Service, environment: dict[str, str]) -> str:
    """Return the sentence that refuses an environment, empty where it is accepted."""
    with pytest.MonkeyPatch.context() as patch:
        for name in SETTING_NAMES:
            patch.delenv(name, raising=False)
        for name, value in environment.items():
            patch.setenv(name, value)
        try:
            load_settings(service.settings)
        except SettingsInvalid as error:
            return str(error)
        return ""
