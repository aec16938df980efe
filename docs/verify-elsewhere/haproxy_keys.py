"""Writes the public keys (P-256) that JWKS_URL names into the folder KEYS, where haproxy.cfg reads them."""

import base64
import json
import os
import urllib.request
from pathlib import Path

BEFORE_THE_POINT = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")  # RFC 5480


def write_pem(key: dict[str, str]) -> str:
    """Return a key of the set in PEM."""
    point = b"".join(base64.urlsafe_b64decode(f"{key[name]}=") for name in ("x", "y"))
    text = base64.encodebytes(BEFORE_THE_POINT + point).decode().replace("\n", "")
    return f"-----BEGIN PUBLIC KEY-----\n{text[:64]}\n{text[64:]}\n-----END PUBLIC KEY-----\n"


with urllib.request.urlopen(os.environ["JWKS_URL"], timeout=5) as answer:
    published = [write_pem(key) for key in json.load(answer)["keys"]]
current, other, *more = [*published, *published[:1]]  # the same twice, where there is only one
if more[1:]:
    raise SystemExit("more than two keys are published, and haproxy.cfg has a line for each of two")
for name, pem in (("current.pem", current), ("other.pem", other)):
    made = Path(os.environ["KEYS"], f"{name}.new")
    made.write_text(pem)
    made.replace(made.with_suffix(""))
