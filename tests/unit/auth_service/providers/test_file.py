"""providers.toml: what may stand in it, and the line with which a bad one stops the start."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auth_service.providers.file import (
    LONGEST_FILE,
    MOST,
    Provider,
    ProvidersRefused,
    load_providers,
    origin_of,
    parse_providers,
)
from auth_service.providers.metadata import read_metadata
from auth_service.providers.presets import LOG_IN_ANEW, OPENID_SCOPES, PRESETS
from tests.support.published_metadata import PUBLISHED

SECRET = 'client_id = "us"\nclient_secret_file = "secret"\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a secret in it."""
    path = tmp_path_factory.mktemp("providers")
    (path / "secret").write_text("the secret\n")
    (path / "empty").write_text(" \n")
    (path / "binary").write_bytes(b"\xff\x00")
    return path


def write(words: str, rest: str = SECRET) -> str:
    """Return a file of one provider."""
    return f"[[provider]]\n{words}\n{rest}"


def refusal(folder: Path, text: str, *, is_development: bool = False) -> str:
    """Return why a file is refused, without what all refusals begin with."""
    with pytest.raises(ProvidersRefused) as refused:
        parse_providers(text, folder, is_development=is_development)
    return str(refused.value).removeprefix("names a file that can't be used: ")


def test_any_provider(folder: Path) -> None:
    """An issuer is enough; what is not said has a sound default."""
    (found,) = parse_providers(write('id = "ours"\nissuer = "https://login.example.com/realms/a"'), folder)
    assert found == Provider(
        "ours",
        "ours",
        "https://login.example.com/realms/a",
        "us",
        "the secret",
        OPENID_SCOPES,
        ("https://login.example.com",),
    )
    assert "the secret" not in repr(found)
    assert found.anew == LOG_IN_ANEW


def test_all_that_may_be_said(folder: Path) -> None:
    """Every word arrives in its value."""
    words = """
id = "ours"
issuer = "https://login.example.com:8443"
name = "Example 로그인"
address = "http://login:8080"
origins = ["https://keys.example.com"]
scopes = ["openid", "email"]
"""
    (found,) = parse_providers(write(words), folder)
    assert (found.name, found.address, found.scopes) == ("Example 로그인", "http://login:8080", ("openid", "email"))
    assert found.origins == ("https://login.example.com:8443", "https://keys.example.com")


@pytest.mark.parametrize("preset", PRESETS)
def test_presets(folder: Path, preset: str) -> None:
    """A preset says all but who we are there, and that its endpoints, and no others, are at its origins, by https."""
    (found,) = parse_providers(write(f'id = "{preset}"\npreset = "{preset}"'), folder)
    known = PRESETS[preset]
    assert (found.name, found.issuer, found.scopes, found.endpoints, found.anew) == (
        known.name,
        known.issuer,
        known.scopes,
        known.endpoints,
        known.anew,
    )
    if known.endpoints is not None:
        urls = {known.endpoints.authorization, known.endpoints.token, *known.endpoints.documents}
    else:
        assert "openid" in found.scopes
        metadata = read_metadata(PUBLISHED[preset], found)
        assert metadata.algorithms == ("RS256",)
        urls = {metadata.authorization, metadata.token, metadata.keys, metadata.userinfo} - {None}
    assert {origin_of(str(url)) for url in urls} == set(found.origins)
    assert all(origin.startswith("https://") for origin in found.origins)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "line 1: provider: is missing"),
        ("[[provider]]\n[", "line 2: "),
        ("[[providers]]\n", "line 1: providers: unknown word"),
        (write('id = "a"'), "line 1: either a preset or an issuer has to say who it is"),
        (write('id = "a"\npreset = "google"\nissuer = "https://a"'), "line 1: either a preset or an issuer"),
        (write('id = "a"\npreset = "gogle"'), "line 3: preset: is unknown; known are google, kakao, github, naver"),
        (write('id = "A"\npreset = "google"'), "line 2: id: "),
        (write('id = "a/b"\npreset = "google"'), "line 2: id: "),
        (write('id = "email"\npreset = "google"'), "line 2: id: is taken"),
        (write('id = "credentials"\npreset = "google"'), "line 2: id: is taken"),
        (write('id = "a"\npreset = "google"\nsecret = "x"'), "line 4: secret: unknown word"),
        (write('id = "a"\npreset = "google"\nclient_secret = "x"'), "line 4: client_secret: unknown word"),
        (write('id = "a"\nissuer = "http://login.example.com"'), "line 3: issuer: must be https in production"),
        (
            write('id = "a"\nissuer = "https://a"\norigins = ["https://b", "http://a"]'),
            "line 4: origins: must be https in production",
        ),
        (write('id = "a"\npreset = "google"\norigins = ["http://a"]'), "line 4: origins: must be https in production"),
        (write('id = "a"\nissuer = "https://login.example.com?a=b"'), "line 3: issuer: must be a URL"),
        (write('id = "a"\nissuer = "https://user@login.example.com"'), "line 3: issuer: must be a URL"),
        (write('id = "a"\nissuer = "login.example.com"'), "line 3: issuer: must be a URL"),
        (write('id = "a"\nissuer = "https://[::1"'), "line 3: issuer: must be a URL"),
        (write('id = "a"\nissuer = "https://a:99999"'), "line 3: issuer: must be a URL"),
        (write('id = "a"\nissuer = "https://a"\nscopes = ["email"]'), 'line 1: scopes: must have "openid" among them'),
        (write('id = "a"\nissuer = "https://a"\nscopes = ["openid email"]'), "line 4: scopes: "),
        (write('id = "a"\nissuer = "https://a"\nscopes = "openid"'), "line 4: scopes: must be a list"),
        (write('id = "a"\nissuer = "https://a"\norigins = ["https://a/path"]'), "line 4: origins: "),
        (write('id = "a"\nissuer = "https://a"\naddress = "http://a/path"'), "line 4: address: "),
        (write('id = "a"\nissuer = "https://a"\nname = ""'), "line 4: name: "),
        (write('id = "a"\nissuer = "https://a"\nname = "a\\nb"'), "line 4: name: must be one line"),
        (write('id = "a"\nissuer = "https://a"\nname = 7'), "line 4: name: must be a text"),
        (write('id = "a"\npreset = "google"', 'client_id = "us"'), "line 1: client_secret_file: is missing"),
        (write('id = "a"\npreset = "google"', 'client_secret_file = "secret"'), "line 1: client_id: is missing"),
        (
            write('id = "a"\npreset = "google"', 'client_id = "us"\nclient_secret_file = "none"'),
            "line 5: client_secret_file: names a file that can't be read",
        ),
        (
            write('id = "a"\npreset = "google"', 'client_id = "us"\nclient_secret_file = "binary"'),
            "line 5: client_secret_file: names a file that can't be read",
        ),
        (
            write('id = "a"\npreset = "google"', 'client_id = "us"\nclient_secret_file = "empty"'),
            "line 5: client_secret_file: names a file that holds no secret",
        ),
        (
            write('id = "a"\npreset = "google"') + write('id = "a"\npreset = "kakao"'),
            "line 7: id: a is there twice",
        ),
    ],
)
def test_faults(folder: Path, text: str, reason: str) -> None:
    """A fault is named with its line and its word, and no fault shows a secret."""
    assert refusal(folder, text).startswith(reason)


def test_development(folder: Path) -> None:
    """A provider on a developer's machine needs no certificate; nor does one on the same machine, ever."""
    parse_providers(write('id = "a"\nissuer = "http://login:8080"'), folder, is_development=True)
    parse_providers(write('id = "a"\nissuer = "http://127.0.0.1:8080"'), folder)


def test_files(tmp_path: Path, folder: Path) -> None:
    """A file that can't be read or is far too long is refused; paths in it are relative to it."""
    file = folder / "providers.toml"
    file.write_text(write('id = "a"\npreset = "google"'))
    assert load_providers(file)[0].client_secret == "the secret"
    with pytest.raises(ProvidersRefused, match="can't be read"):
        load_providers(tmp_path / "none.toml")
    file.write_text("#" * (LONGEST_FILE + 1))
    with pytest.raises(ProvidersRefused, match="more than 65536 bytes"):
        load_providers(file)


def test_there_are_at_most_so_many(folder: Path) -> None:
    """So many providers have buttons, and no more."""
    tables = [write(f'id = "p{number}"\npreset = "google"') for number in range(MOST + 1)]
    assert len(parse_providers("".join(tables[:MOST]), folder)) == MOST
    assert "provider: " in refusal(folder, "".join(tables))


quick = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
words = st.sampled_from(
    ["id", "preset", "issuer", "name", "client_id", "client_secret_file", "scopes", "origins", "address", "other"]
)
values = st.one_of(
    st.sampled_from(["google", "https://a.example", "http://127.0.0.1:1", "secret", "a", ["openid"], ["https://b"]]),
    st.text(max_size=10),
    st.integers(),
    st.booleans(),
    st.lists(st.text(max_size=5), max_size=3),
)


@given(tables=st.lists(st.dictionaries(words, values, max_size=8), max_size=3))
@quick
def test_any_words(folder: Path, tables: list[dict[str, object]]) -> None:
    """Whatever its tables say, a file is refused with a line, or its providers can be used as they are."""
    text = "".join(
        "[[provider]]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in table.items())
        for table in tables
    )
    try:
        found = parse_providers(text, folder)
    except ProvidersRefused as refused:
        assert str(refused).startswith("names a file that can't be used: line ")  # noqa: PT017 - either is right
        return
    assert len({each.id for each in found}) == len(found) == len(tables)
    for provider in found:
        assert origin_of(provider.issuer) == provider.origins[0]
        assert provider.client_secret == "the secret"


@given(text=st.text())
@quick
def test_any_text(folder: Path, text: str) -> None:
    """Any text is refused with a line, or has providers; nothing else happens."""
    try:
        assert parse_providers(text, folder)
    except ProvidersRefused as refused:
        assert "line " in str(refused)  # noqa: PT017 - either is right


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://a.example/b?c#d", "https://a.example"),
        ("HTTPS://A.example:443", "https://a.example"),
        ("http://a:80/", "http://a"),
        ("http://a:8080", "http://a:8080"),
        ("https://[::1]:1/", "https://[::1]:1"),
        ("https://a@b/", None),
        ("ftp://a", None),
        ("//a", None),
        ("https://", None),
        ("https://a:x", None),
        ("", None),
    ],
)
def test_origins(url: str, origin: str | None) -> None:
    """An origin is written as browsers write it; what may be read in two ways has none."""
    assert origin_of(url) == origin


@pytest.mark.parametrize("origin", ["https://keys.example.com", "http://localhost:8080", "http://127.0.0.1:8080"])
def test_further_origins(folder: Path, origin: str) -> None:
    """What is called there is https, as at the issuer; in development it may be http. On this machine it always may."""
    text = write(f'id = "a"\nissuer = "https://a"\norigins = ["{origin}"]')
    (found,) = parse_providers(text, folder)
    assert found.origins == ("https://a", origin)
    (found,) = parse_providers(
        write('id = "a"\nissuer = "https://a"\norigins = ["http://b"]'), folder, is_development=True
    )
    assert found.origins == ("https://a", "http://b")
