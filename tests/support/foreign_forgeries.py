"""Tokens that every verifier must refuse, in the groups of a table, and that table."""

from collections.abc import Mapping, Sequence

from tests.support.forged_tokens import Json, forge, list_faulty_tokens
from tests.support.signers import Signer

Table = Mapping[str, Mapping[str, str]]  # what each verifier, by its name, answered to each group

OTHER_AUDIENCES: tuple[object, ...] = (
    *("billing", "order", "gatepost,orders"),
    *(["gatepost2", "billing"], ["orders2"], ["gatepost,orders"], []),
)
OTHER_ISSUERS = ("http://evil.example", "gatepost", "posts_service", "")
BEGIN, END = "<!-- generated: make verify-elsewhere-table -->\n", "<!-- end -->\n"


def list_forgeries(claims: Json, by: Signer) -> dict[str, list[str]]:
    """Return forged tokens, each otherwise as the valid one with these claims, by what is wrong with them."""
    faulty = list_faulty_tokens(dict(claims), by)
    return {
        "expired": [faulty["expired"], faulty["expires now"]],
        "no `exp`": [faulty["no exp"]],
        "another key": _take(faulty, "signed with another key pair", "signed with and naming another key pair"),
        "another key in the header": [
            token for name, token in faulty.items() if name.startswith("signed with another key pair, which ")
        ],
        "another text under the signature": _exchange_claims(claims, by),
        "signature missing or cut": _take(faulty, "no signature", "signature missing", "signature cut"),
        "odd signatures": [token for name, token in faulty.items() if name.startswith("signature: ")],
        "`alg: none`": _unsigned(claims, by),
        "HS256 with the public key": [token for name, token in faulty.items() if name.startswith("HS256 with")],
        "HS256 with the sample secret": [faulty["signed with and naming the sample secret"]],
        "`alg` of another kind": _take(faulty, "alg RS256", "alg ES384", "alg in lower case", "alg is a list"),
        "another audience": [forge({**claims, "aud": each}, by=by) for each in OTHER_AUDIENCES] + [faulty["no aud"]],
        "another issuer": [forge({**claims, "iss": each}, by=by) for each in OTHER_ISSUERS] + [faulty["no iss"]],
        "a service token": _take(faulty, "typ of a service token", "signed with and naming SERVICE_SECRET"),
        "a plain JWT": [faulty["typ JWT"], faulty["no typ in the header"]],
        "no JWT": _take(faulty, "dots", "words", "a fifth of a token", "four segments"),
    }


def render_table(table: Table) -> str:
    """Return the table: a row for each group, a column for each verifier."""
    names = list(table)
    groups = list(table[names[0]])
    rows = [f"| {group} | {' | '.join(table[name][group] for name in names)} |" for group in groups]
    return "\n".join([f"| | {' | '.join(names)} |", f"|---|{'---|' * len(names)}", *rows]) + "\n"


def summarize(statuses: Sequence[int]) -> str:
    """Return what a verifier answered to the tokens of a group: a status, and how often each if they differ."""
    counts = {status: statuses.count(status) for status in sorted(set(statuses))}
    return (
        str(statuses[0]) if len(counts) == 1 else ", ".join(f"{count} times {each}" for each, count in counts.items())
    )


def _take(faulty: Mapping[str, str], *names: str) -> list[str]:
    return [faulty[name] for name in names]


def _unsigned(claims: Json, by: Signer) -> list[str]:
    """Return tokens that say they are not signed, with a signature and without."""
    headers = [{**by.header, "alg": name} for name in ("none", "None", "NONE", "")]
    headers.append({"alg": "none"})
    signed = [forge(claims, header, by=by) for header in headers]
    return [*signed, *(f"{token.rpartition('.')[0]}." for token in signed)]


def _exchange_claims(claims: Json, by: Signer) -> list[str]:
    """Return tokens whose claims or header were changed after signing."""
    head, body, signature = forge(claims, by=by).split(".")
    other = forge({**claims, "sub": "999", "roles": ["admin"]}, {**by.header, "typ": "JWT"}, by=by).split(".")
    return [f"{head}.{other[1]}.{signature}", f"{other[0]}.{body}.{signature}", f"{head}.{body}.{other[2]}"]
