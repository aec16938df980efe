"""How NextAuth 5 seals a session: its keys, its form, and that both of its algorithms open, and nothing else."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jose import jwe

from shared.tokens.protocol import PROTOCOLS
from shared.tokens.sealing import CbcKey, derive_key, derive_keys_5, thumbprint
from shared.tokens.session_cookie import CookieNames, SessionSealer

SECRET = "test-secret-0123456789abcdef0123456789abcdef"
SALT = "authjs.session-token"
INFO = b"Auth.js Generated Encryption Key (authjs.session-token)"
KEY = derive_key(SECRET, SALT.encode(), INFO, 64)
GCM_KEY = derive_key(SECRET, SALT.encode(), INFO, 32)
KID = "9E7QXx4DCQ1ODqnrsoJeKyBiTUQhXJZzsEevLBH8Ch2o_Dej27OxcC5EbbMLOFh0bG_9QnoIET15bVhi-d6szA"
NOW = 1_800_000_000
MONTH = 30 * 24 * 3600
# Sealed by next-auth 5 itself, and by the library that it seals with, as it did it before.
SEALED = (
    "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2Q0JDLUhTNTEyIiwia2lkIjoiOUU3UVh4NERDUTFPRHFucnNvSmVLeUJpVFVRaFhKWnpzRWV2TEJIOENo"
    "Mm9fRGVqMjdPeGNDNUViYk1MT0ZoMGJHXzlRbm9JRVQxNWJWaGktZDZzekEifQ..pP5U_t4tRJ6tYujx4vFjgQ.rodktxHLbXquKypEqRnwTT6n_"
    "yPMIbfQcRJoY3vahlh1c-Vp68mfbZ6_w6Et2YAeDEssvYzH3atD3aHjkDm4DrZi4OCMJZOS2cVywbJ0PKCK2rSnspuI55ib-R3lLff2Vf2RwXlCUU"
    "cdftXb0_V5X8VrDsXJJVTg0dlfxSHMD2d5y_4Zv4P2N4v7hL8EYdG5gXI6NW8n2k7_9VDRzT7ioQ.h4Y7ethLG3LxzKZc48wnye1OW7WxwS6CCjQ"
    "2BvuCxjs"
)
SEALED_BY_GCM = (
    "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..Yj2VD8eeGqXIp5e6.Hs0ZCxePaYS0RkEplASdi76DOhnnuoiqFQx093wxRDocI_aYfb7WGI"
    "bVSqnIoL1wpBGh-2Asr9U50CqPRkEWGQG4-22-eIJHxGEfD5fTjX2EtzutcIVs1q5GFy8wAfUuXgetgb2FwikefsSEjZ2rIk-OuX6d8lMdrBmDc9"
    "rp87f47M1sCU19zwXBPTmGiqG7uwNagq3lGQ.K5UxTU6_JybmaXdjoPDrow"
)
CLAIMS = {
    "name": "Ada",
    "email": "ada@example.com",
    "sub": "1",
    "accessToken": "x.y.z",
    "iat": 1_700_000_000,
    "exp": 4_102_444_800,
    "jti": "00000000-0000-4000-8000-000000000000",
}


def make_sealer(
    secret: str = SECRET, previous: tuple[str, ...] = (), url: str = "http://localhost:3000"
) -> SessionSealer:
    """Return a sealer of version 5."""
    return SessionSealer(secret, MONTH, previous, CookieNames.of(url, PROTOCOLS["5"]))


sealer = make_sealer()


def encode_header(header: object) -> str:
    """Return a header as it stands in a sealed session."""
    return base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()


def seal_by_jose(key: bytes, algorithm: str, **header: str) -> str:
    """Return the claims, sealed by another library."""
    return jwe.encrypt(json.dumps(CLAIMS), key, algorithm="dir", encryption=algorithm, **header).decode()


def test_keys_are_next_auths() -> None:
    """The key follows from the secret and the cookie's name, and its name is its thumbprint."""
    assert KEY.hex() == (
        "adeb8f2f94d0972e809e94b4c67445eb50dd61c053446cc33ef1c255a2b1bd59"
        "40439b6a439c1f27310c605eaa3d00a81f98365e50bb5a4df03ecce855b38eb7"
    )
    assert (thumbprint(KEY), thumbprint(GCM_KEY)) == (KID, "5VHPQK8gbnLepuCsF7F37EMCZFmAJxzyKwzzm7BWaQs")


def test_the_authenticated_encryption_is_the_standards() -> None:
    """A256CBC-HS512 gives the ciphertext and the tag of RFC 7518, appendix B.3."""
    plain = (
        b"A cipher system must not be required to be secret, and it must be able to fall into the hands of the enemy "
        b"without inconvenience"
    )
    nonce, header = bytes.fromhex("1af38c2dc2b96ffdd86694092341bc04"), b"The second principle of Auguste Kerckhoffs"
    key = CbcKey(bytes(range(64)))
    encrypted = key._encrypt(nonce, plain, header)  # noqa: SLF001 - the nonce can't be chosen from outside
    assert encrypted[:16].hex() == "4affaaadb78c31c5da4b1b590d10ffbd"
    assert encrypted[-32:].hex() == "4dd3b4c088a7f45c216839645b2012bf2e6269a8c56a816dbc1b267761955bc5"
    assert key._decrypt(nonce, encrypted, header) == plain  # noqa: SLF001


@pytest.mark.parametrize("sealed", [SEALED, SEALED_BY_GCM])
def test_cookie_of_next_auth_opens(sealed: str) -> None:
    """A session that next-auth 5 sealed is opened, by either of its algorithms."""
    assert sealer.open(sealed, NOW) == CLAIMS


def test_form_of_a_sealed_session() -> None:
    """A sealed session is a compact JWE, dir and A256CBC-HS512 with the key's name, as next-auth 5 writes it."""
    header, key, nonce, _, tag = sealer.seal({"name": "Ada"}, NOW).split(".")
    assert header == SEALED.partition(".")[0]
    assert (key, len(nonce), len(tag)) == ("", 22, 43)


def test_another_library_reads_it() -> None:
    """What we seal is opened by jose, and vice versa, whether the header names the key or not."""
    stamped = sealer.stamp({"name": "Ada Łovelace"}, NOW)
    assert json.loads(jwe.decrypt(sealer.seal_stamped(stamped), KEY) or b"") == stamped
    for sealed in (
        seal_by_jose(KEY, "A256CBC-HS512"),
        seal_by_jose(KEY, "A256CBC-HS512", kid=KID),
        seal_by_jose(GCM_KEY, "A256GCM", kid=thumbprint(GCM_KEY)),
    ):
        assert sealer.open(sealed, NOW) == CLAIMS


def test_a_session_outlives_a_change_of_the_secret() -> None:
    """A cookie sealed with a previous secret opens while that is still listed; the new one seals from then on."""
    changed = make_sealer(SECRET + "!", ("some other", SECRET))
    assert [changed.open(sealed, NOW) for sealed in (SEALED, SEALED_BY_GCM)] == [CLAIMS, CLAIMS]
    assert make_sealer(SECRET + "!").open(changed.seal({}, NOW), NOW) is not None
    assert sealer.open(changed.seal({}, NOW), NOW) is None


def test_a_session_is_bound_to_its_cookie() -> None:
    """What was sealed for the cookie of http does not open as that of https, nor as version 4's, nor the other way."""
    secure, version_4 = make_sealer(url="https://example.com"), SessionSealer(SECRET, MONTH)
    for one, other in ((sealer, secure), (secure, sealer), (sealer, version_4), (version_4, sealer)):
        assert other.open(one.seal({}, NOW), NOW) is None


@pytest.mark.parametrize(
    "header",
    [
        *({"alg": alg, "enc": "A256CBC-HS512", "kid": KID} for alg in ("none", "A256KW", None)),
        *({"alg": "dir", "enc": enc, "kid": KID} for enc in ("A256GCM", "A128CBC-HS256", "none")),
        {"alg": "dir", "enc": "A256CBC-HS512", "kid": thumbprint(GCM_KEY)},
        {"alg": "dir", "enc": "A256CBC-HS512", "kid": KID, "zip": "DEF"},
        {"alg": "dir", "enc": "A256CBC-HS512", "kid": KID, "crit": ["exp"]},
        *({}, [], "dir", None),
    ],
)
def test_another_header(header: object) -> None:
    """A header that asks for anything else, such as another algorithm, another key or decompression, opens nothing."""
    assert sealer.open(".".join([encode_header(header), *SEALED.split(".")[1:]]), NOW) is None


def test_sealed_by_our_key_and_compressed() -> None:
    """A session that is really compressed does not open either."""
    sealed = jwe.encrypt(json.dumps(CLAIMS), KEY, algorithm="dir", encryption="A256CBC-HS512", zip="DEF").decode()
    assert sealer.open(sealed, NOW) is None


@given(st.integers(0, len(SEALED) - 1), st.sampled_from("ABab01_-.=%\n"))
def test_any_change_is_noticed(at: int, other: str) -> None:
    """No single character of a sealed session can be changed."""
    changed = SEALED[:at] + other + SEALED[at + 1 :]
    assert (sealer.open(changed, NOW) is not None) == (changed == SEALED)


@given(st.text())
def test_any_text_is_no_session(text: str) -> None:
    """Any text opens as nothing, and raises nothing."""
    assert sealer.open(text, NOW) is None


@given(st.binary(min_size=1, max_size=100), st.binary(max_size=40))
def test_any_plain_text_comes_back(plain: bytes, key: bytes) -> None:
    """Either key opens exactly what it sealed, of any length."""
    for sealing_key in derive_keys_5(key.hex(), SALT):
        assert sealing_key.open(sealing_key.seal(plain)) == plain
