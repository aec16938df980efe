"""NextAuth's session: its key, and that it opens only as it was sealed, and before its end."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jose import jwe

from shared.tokens.sealing import INFO_4, derive_key
from shared.tokens.session_cookie import SessionSealer

SECRET = "test-secret-0123456789abcdef0123456789abcdef"
# Sealed by next-auth itself.
SEALED = (
    "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..AAECAwQFBgcICQoL.cE0U0IVsIPbFuC-8rKh92VQx6OMvfwKRri5031xIYKjrb3C_LtCuUI"
    "_7pC6wRL0UtNNnd5YhWfh4mf72kEm-nPv5q_azM8j1f0a5AvwcFq11WWR3oyBPO8rwt_8maR01Vo2YqSMII7q4d-89yJ0JBKap1bbEAcved5RO9Z"
    "vSM-u0fy59WvR4FEk3Dl6Hd0claIbIJEStDg.nua-vg1ZLVcqnJqUpe4j1w"
)
NOW = 1_800_000_000
MONTH = 30 * 24 * 3600

KEY = derive_key(SECRET, b"", INFO_4, 32)

sealer = SessionSealer(SECRET, MONTH)


def seal_as_is(plain: str) -> str:
    """Return any text sealed with the right key."""
    return str(jwe.encrypt(plain, KEY, algorithm="dir", encryption="A256GCM"), "ascii")


def test_key_is_next_auths() -> None:
    """The key is derived from the secret by HKDF, as next-auth does it."""
    assert KEY.hex() == "d11554fb9845df10d663c9ee7c678b624495b91d0c02b55a25f0e849aa6678a5"


def test_cookie_of_next_auth_opens() -> None:
    """A session that next-auth sealed is opened."""
    assert sealer.open(SEALED, NOW) == {
        "name": "Ada",
        "email": "ada@example.com",
        "sub": "1",
        "accessToken": "x.y.z",
        "jti": "00000000-0000-4000-8000-000000000000",
        "iat": 1_700_000_000,
        "exp": 4_102_444_800,
    }


def test_a_session_outlives_a_change_of_the_secret() -> None:
    """A cookie sealed with the previous secret opens while that is still listed; the new one seals from then on."""
    changed = SessionSealer(SECRET + "!", MONTH, ["some other", SECRET])
    assert (changed.open(sealer.seal({"sub": "1"}, NOW), NOW) or {})["sub"] == "1"
    assert (SessionSealer(SECRET + "!", MONTH).open(changed.seal({"sub": "2"}, NOW), NOW) or {})["sub"] == "2"
    assert sealer.open(changed.seal({}, NOW), NOW) is None


def test_form_of_a_sealed_session() -> None:
    """A sealed session is a compact JWE, dir and A256GCM, without an encrypted key, as next-auth expects it."""
    header, key, iv, _, tag = sealer.seal({"name": "Ada"}, NOW).split(".")

    assert header == SEALED.partition(".")[0]
    assert (key, len(iv), len(tag)) == ("", 16, 22)


def test_sealing_stamps_anew() -> None:
    """Each sealed session has its own iat, exp and jti, whatever the claims had."""
    old = {"name": "Ada", "iat": 1, "exp": 2, "jti": "old"}
    first, second = (sealer.open(sealer.seal(old, NOW), NOW) for _ in range(2))

    assert first is not None
    assert second is not None
    assert (first["name"], first["iat"], first["exp"]) == ("Ada", NOW, NOW + MONTH)
    assert len({first["jti"], second["jti"], "old"}) == 3


def test_tolerance() -> None:
    """A session opens until 15 seconds after its end, as next-auth opens it."""
    sealed = sealer.seal({}, NOW)

    assert sealer.open(sealed, NOW + MONTH + 14) is not None
    assert sealer.open(sealed, NOW + MONTH + 15) is None


def test_a_remembered_session_ends_with_its_time() -> None:
    """A session that was opened before opens until its end and no longer; with one character changed it never opens."""
    mine = SessionSealer(SECRET, MONTH)
    sealed = mine.seal({"sub": "1"}, NOW)

    assert mine.open(sealed, NOW) == mine.open(sealed, NOW + MONTH + 14)
    assert mine.open(sealed, NOW + MONTH + 15) is None
    assert mine.open(sealed[:-1] + ("A" if sealed[-1] != "A" else "Q"), NOW) is None
    assert mine.open(sealed, NOW) is not None


def test_memory_of_sessions_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the last sessions that opened are cached: no junk, however much comes, and none that is very long."""
    monkeypatch.setattr("shared.tokens.session_cookie.MAX_REMEMBERED", 3)
    mine = SessionSealer(SECRET, MONTH)
    first = mine.seal({"number": 0}, NOW)

    assert mine.open(first, NOW) is not None
    for junk in (seal_as_is("{}"), first[:-1], *(SessionSealer("other", MONTH).seal({}, NOW) for _ in range(9))):
        assert mine.open(junk, NOW) is None
    assert (mine.open(mine.seal({"name": "x" * 4000}, NOW), NOW) or {})["name"] == "x" * 4000
    assert len(mine._opened) == 1  # noqa: SLF001 - the cache can't be seen from outside
    sealed = [mine.seal({"number": number}, NOW) for number in range(10)]
    assert [(mine.open(each, NOW) or {})["number"] for each in sealed * 2] == [*range(10)] * 2
    assert len(mine._opened) == 3  # noqa: SLF001


def test_another_library_reads_it() -> None:
    """What we seal is opened by jose, and vice versa; the claims of what we sealed are known without opening it."""
    stamped = sealer.stamp({"name": "Ada Łovelace"}, NOW)
    sealed = sealer.seal_stamped(stamped)

    assert json.loads(jwe.decrypt(sealed, KEY) or b"") == stamped
    assert sealer.open(sealed, NOW) == stamped
    assert sealer.open(seal_as_is(json.dumps(stamped)), NOW) == stamped


def test_another_secret() -> None:
    """A session sealed with another secret does not open."""
    assert SessionSealer(SECRET + "!", MONTH).open(sealer.seal({}, NOW), NOW) is None


@pytest.mark.parametrize(
    "plain",
    [
        *("", "null", "[]", '"text"', "{", "{}", '{"iat": 1800000000}', '{"exp": 1900000000}'),
        *('{"iat": 1800000000, "exp": "1900000000"}', '{"iat": 1800000000, "exp": true}', '{"iat": [], "exp": 1e400}'),
        *('{"iat": 1800000000, "exp": -1}', '{"iat": 1800000000, "exp": 1900000000, "exp": 1900000001}'),
        *('{"iat": 1800000000, "exp": NaN}', '{"iat": 1800000000, "exp": 1e300}', "[" * 5000),
    ],
)
def test_sealed_nonsense(plain: str) -> None:
    """Anything sealed with our key that is no session with its times does not open, and raises nothing."""
    assert sealer.open(seal_as_is(plain), NOW) is None


@pytest.mark.parametrize("header", [{"alg": "dir", "enc": "A256GCM", "zip": "DEF"}, {"alg": "none"}, {}, [], "dir"])
def test_another_header(header: object) -> None:
    """A cookie whose header asks for anything else, such as decompression, does not open."""
    with_zip = jwe.encrypt("{}", KEY, algorithm="dir", encryption="A256GCM", zip="DEF").decode()
    head = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    assert sealer.open(with_zip, NOW) is None
    assert sealer.open(".".join([head, *SEALED.split(".")[1:]]), NOW) is None


@given(st.text())
def test_any_text_is_no_session(text: str) -> None:
    """Any text opens as nothing, and raises nothing."""
    assert sealer.open(text, NOW) is None


@given(st.integers(0, len(SEALED) - 1), st.sampled_from("ABab01_-.=%\n"))
def test_any_change_is_noticed(at: int, other: str) -> None:
    """No single character of a sealed session can be changed."""
    changed = SEALED[:at] + other + SEALED[at + 1 :]
    assert (sealer.open(changed, NOW) is not None) == (changed == SEALED)


texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(texts.filter(lambda name: name not in {"iat", "exp", "jti"}), texts | st.integers() | st.none()))
def test_round_trip(claims: dict[str, object]) -> None:
    """What is sealed is opened as it was."""
    opened = sealer.open(sealer.seal(claims, NOW), NOW)
    assert opened is not None
    assert {name: opened[name] for name in claims} == claims
