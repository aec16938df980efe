"""The command about letters, which sends one."""

import datetime as dt

from auth_service.mail.addresses import check_email
from auth_service.mail.letters import LetterKind
from auth_service.mail.smtp import Outcome
from auth_service.operators.arguments import Call, add_verb
from auth_service.parts import Parts
from auth_service.tables.letters import Letter
from shared.command_line.arguments import Verbs, add_noun
from shared.command_line.text_tables import Record
from shared.errors import Conflict, Invalid, UpstreamFailed
from shared.language.languages import LANGUAGES
from shared.language.sentences import Sentence

TEST_LIFETIME = dt.timedelta(minutes=1)


def add_letters(nouns: Verbs) -> None:
    """Add it to the command line."""
    meaning = "send a letter, and show what the server answers"
    add_verb(add_noun(nouns, "mail", "letters"), "test", meaning, send_test_letter).add_argument("address")


async def send_test_letter(parts: Parts, call: Call) -> Record:
    """Send a letter now, and return what the server answered; UpstreamFailed when it did not take it."""
    if parts.delivery is None:
        raise Conflict("There is no mail without SMTP_URL")
    try:
        address = check_email(call.address)
    except ValueError as error:
        raise Invalid({"address": str(error)}) from None
    now = dt.datetime.now(dt.UTC)
    letter = Letter(0, LetterKind.TEST, None, address, LANGUAGES[0], {}, now, now + TEST_LIFETIME, 1)
    answer = await parts.delivery.send(letter)
    if answer.outcome is not Outcome.SENT:
        raise UpstreamFailed(
            Sentence("{server} did not take the letter: {answer}", server=parts.delivery.relay, answer=answer.text)
        )
    return {"address": address, "state": "sent", "server": str(parts.delivery.relay), "answer": answer.text}
