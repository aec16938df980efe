"""The answers to questions about all requests, as ``gateway.explain`` prints them.

Exit status: 0 nothing changes, or all holds; 1 something changes, or does not hold, or can't be decided; 2 a file can't
be used. The address of a service that no setting gives is taken for some address, the same in all policies.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.policy.file import load_policy, read_text
from gateway.policy.rules import Policy, PolicyInvalid
from gateway.proving import answers, report
from gateway.proving.automata import TooComplex
from gateway.proving.coverage import DocumentInvalid, cover, read_operations
from gateway.proving.diff import compare_policies
from gateway.proving.nextjs import compare_guards
from gateway.proving.nextjs_file import read_matchers
from gateway.proving.nextjs_tokens import NextjsUnreadable
from gateway.proving.promises import Status, load_promises, prove
from gateway.proving.wording import Json
from gateway.settings import GatewaySettings
from shared.language.visible_text import make_visible

if TYPE_CHECKING:
    from gateway.explain import Question

YES, NO, WRONG = 0, 1, 2


class Addresses(dict[str, str]):
    """The addresses of services by their settings, and a policy's own variables; one that is not known is made up."""

    def __contains__(self, name: object) -> bool:
        """Tell whether there is an address or a variable, known or not."""
        is_ours = isinstance(name, str) and (name.endswith("_SERVICE_URL") or name.startswith("POLICY_"))
        return super().__contains__(name) or is_ours

    def __missing__(self, name: str) -> str:
        """Return an address for a service, or a text for a variable, that none is known of."""
        return f"http://{name.lower()}" if name.endswith("_URL") else name.lower().replace("_", "-")


def answer(question: "Question", rules: Path | None, settings: GatewaySettings) -> int:
    """Print the answer to a question about a policy, and return the exit status."""
    addresses = Addresses(settings.rule_variables())
    try:
        if question.name == "diff":
            policies = [load_policy(file, addresses) for file in question.files]
            return _answer_diff(policies[0], policies[1], question.form)
        policy = load_policy(rules or settings.gateway_rules, addresses)
        return _ANSWERS[question.name](policy, question.files[0], question.form)
    except (PolicyInvalid, TooComplex) as error:
        return _complain(str(error))
    except (NextjsUnreadable, DocumentInvalid) as error:
        return _complain(f"{question.files[0]}, {error}")


def _answer_diff(old: Policy, new: Policy, form: str) -> int:
    diff = compare_policies(old, new)
    lines = report.list_markdown(diff) if form == "markdown" else report.list_lines(diff)
    return _print(form, report.as_json(diff), lines, is_good=diff.is_empty)


def _answer_prove(policy: Policy, file: Path, form: str) -> int:
    proofs = prove(policy, load_promises(file, policy))
    all_hold = all(proof.status is Status.HOLDS for proof in proofs)
    return _print(form, answers.proofs_as_json(proofs), answers.list_proofs(proofs), is_good=all_hold)


def _answer_nextjs(policy: Policy, file: Path, form: str) -> int:
    matchers = read_matchers(read_text(file))
    guards = compare_guards(policy, matchers)
    lines = answers.list_guards(guards, matchers)
    return _print(form, answers.guards_as_json(guards, matchers), lines, is_good=guards.is_guarded)


def _answer_coverage(policy: Policy, file: Path, form: str) -> int:
    coverage = cover(policy, read_operations(read_text(file)))
    lines = answers.list_coverage(coverage)
    return _print(form, answers.coverage_as_json(coverage), lines, is_good=coverage.is_complete)


_ANSWERS = {"prove": _answer_prove, "nextjs": _answer_nextjs, "coverage": _answer_coverage}


def _print(form: str, everything: Json, lines: Iterable[str], *, is_good: bool) -> int:
    text = json.dumps(everything, indent=2) if form == "json" else "\n".join(map(make_visible, lines))
    sys.stdout.write(f"{text}\n")
    return YES if is_good else NO


def _complain(reason: str) -> int:
    sys.stderr.write(f"{make_visible(reason)}\n")
    return WRONG
