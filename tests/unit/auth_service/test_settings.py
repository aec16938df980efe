"""The auth service's keys and audiences: what is taken, and the line with which a bad one stops the start."""

from pathlib import Path

import pytest

from auth_service.settings import AuthSettings
from auth_service.verifiers.key_file import KeyFile
from auth_service.ways.registry import list_ways
from shared.settings import SettingsInvalid, load_settings
from shared.tokens.key_pairs import IssuerKeys
from shared.tokens.keys import KeyRing
from stack.services import SETTING_NAMES
from tests.support.signers import make_ec_key, signer_of, write_public

KEY = "a-key-of-our-own-0123456789abcdefgh-01"
REST = {
    "NEXTAUTH_SECRET": KEY.replace("01", "02"),
    "SERVICE_SECRET": KEY.replace("01", "03"),
    "AUTH_DATABASE_URL": "postgresql://somewhere",
    "PORT": "1",
    "METRICS_PORT": "2",
    "NEXTAUTH_URL": "https://example.com",
}


def load(environment: pytest.MonkeyPatch, **given: str) -> AuthSettings:
    """Return the settings of an environment that has nothing else of ours but what is always needed."""
    for name in SETTING_NAMES:
        environment.delenv(name, raising=False)
    for name, value in {**REST, **given}.items():
        environment.setenv(name, value)
    return load_settings(AuthSettings)


def refusal(environment: pytest.MonkeyPatch, **given: str) -> str:
    """Return the line with which an environment is refused."""
    with pytest.raises(SettingsInvalid) as refused:
        load(environment, **given)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """Give a file with a key pair."""
    path = tmp_path / "key.pem"
    path.write_bytes(signer_of("ES256").pem)
    path.chmod(0o600)
    return path


def read_keys(settings: AuthSettings) -> IssuerKeys:
    """Return the keys of the settings, and of the file that they name, if they do."""
    keys = IssuerKeys(KeyRing(settings.shared_key))
    KeyFile.of(settings, keys)
    return keys


def test_what_signs(monkeypatch: pytest.MonkeyPatch, key_file: Path) -> None:
    """A secret, a key pair or both are taken, and of both the pair signs."""
    assert read_keys(load(monkeypatch, SECRET_KEY=KEY)).published == ()
    for secret in (KEY, ""):
        keys = read_keys(load(monkeypatch, SECRET_KEY=secret, TOKEN_KEY_FILE=str(key_file)))
        assert keys.signing_key is not None
        assert keys.signing_key.kid == signer_of("ES256").kid


def test_a_first_key_pair_is_announced(monkeypatch: pytest.MonkeyPatch, key_file: Path) -> None:
    """Beside a secret, which signs then, a file may hold public keys alone."""
    key_file.write_bytes(write_public(make_ec_key()))
    keys = read_keys(load(monkeypatch, SECRET_KEY=KEY, TOKEN_KEY_FILE=str(key_file)))
    assert keys.signing_key is not None
    assert (keys.signing_key.algorithm, [key.kid for key in keys.published]) == ("HS256", [signer_of("ES256").kid])


def test_nothing_that_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a secret and a key pair nothing starts; a secret that only verifies does not help."""
    line = "TOKEN_KEY_FILE: is missing, and so is SECRET_KEY; one of them signs access tokens"
    assert refusal(monkeypatch) == line
    assert refusal(monkeypatch, SECRET_KEY_PREVIOUS=KEY) == line
    assert refusal(monkeypatch, PORT="") == f"PORT: is missing; {line}"


def test_a_bad_secret_is_not_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret that is refused for itself is named once, and as what it is."""
    assert refusal(monkeypatch, SECRET_KEY="a,b").startswith("SECRET_KEY: must not contain a comma")
    assert "TOKEN_KEY_FILE" not in refusal(monkeypatch, SECRET_KEY="a,b")


def test_a_key_file_that_can_not_be_used(monkeypatch: pytest.MonkeyPatch, key_file: Path) -> None:
    """A bad key file stops the start, whatever else could sign, and with one line that says why."""
    pair = key_file.read_bytes()
    for content, secret in ((b"", ""), (pair, ""), (pair, KEY)):
        key_file.write_bytes(write_public(make_ec_key()) + content)
        line = refusal(monkeypatch, SECRET_KEY=secret, TOKEN_KEY_FILE=str(key_file))
        assert line.startswith("TOKEN_KEY_FILE: names a file that begins with a public key")
    key_file.chmod(0o644)
    assert "names a file that others can read" in refusal(monkeypatch, TOKEN_KEY_FILE=str(key_file))
    assert refusal(monkeypatch, TOKEN_KEY_FILE="/nowhere") == "TOKEN_KEY_FILE: names a file that can't be read"


def test_providers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a file there are no other providers; a bad one stops the start, with the line that is wrong."""
    assert load(monkeypatch, SECRET_KEY=KEY).providers == ()
    file = tmp_path / "providers.toml"
    file.write_text('[[provider]]\nid = "google"\n')
    line = refusal(monkeypatch, SECRET_KEY=KEY, PROVIDERS_FILE=str(file))
    assert line == f"PROVIDERS_FILE names a file that can't be used: line 1: client_id: is missing ({file})"
    assert "can't be read" in refusal(monkeypatch, SECRET_KEY=KEY, PROVIDERS_FILE="/nowhere")


def test_providers_are_read_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All of a process works with the providers of its start, whatever becomes of the file meanwhile."""
    file = tmp_path / "providers.toml"
    (tmp_path / "secret").write_text("secret")
    about = 'preset = "google"\nclient_id = "us"\nclient_secret_file = "secret"\n'
    file.write_text(f'[[provider]]\nid = "google"\n{about}')
    settings = load(monkeypatch, SECRET_KEY=KEY, PROVIDERS_FILE=str(file))
    file.write_text(f'[[provider]]\nid = "another"\n{about}')
    assert [way.id for way in list_ways(settings)] == ["credentials", "google"]
    file.unlink()
    assert [provider.id for provider in settings.providers] == ["google"]


def test_audiences(monkeypatch: pytest.MonkeyPatch) -> None:
    """Audiences are separated by commas; none is there unless set."""
    assert load(monkeypatch, SECRET_KEY=KEY).audiences == ()
    assert load(monkeypatch, SECRET_KEY=KEY, AUDIENCES="orders, https://pay.example ,").audiences == (
        "orders",
        "https://pay.example",
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("orders,orders", "must all be different, and gatepost is there anyway"),
        ("orders,gatepost", "must all be different, and gatepost is there anyway"),
        ("two words", "match pattern"),
        ("주문", "match pattern"),
        (",".join(f"{number:0100}" for number in range(6)), "must be 500 characters together at most"),
    ],
)
def test_audiences_that_are_none(monkeypatch: pytest.MonkeyPatch, value: str, said: str) -> None:
    """An audience twice, one that is there anyway, one with blanks, and too many for a token are refused by name."""
    line = refusal(monkeypatch, SECRET_KEY=KEY, AUDIENCES=value)
    assert line.startswith("AUDIENCES: ")
    assert said in line
