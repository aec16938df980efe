"""The bodies of the auth service's API that are about letters and the codes in them."""

from typing import Annotated

from pydantic import Field

from auth_service.api.schemas import OTHER_PHRASE, ChosenPassword, Email
from shared.web.schemas import Body, Text, View, example

MAX_CODE = 64  # with blanks and hyphens

_CODE = "7K3F-9QXM"

Code = Annotated[Text, Field(max_length=MAX_CODE)]


class PasswordResetRequest(Body):
    """The e-mail address of an account whose password is forgotten."""

    model_config = example(email="ada@example.com")

    email: Email


class PasswordReset(Body):
    """The e-mail address again, the code from the letter, in any case, with or without its hyphen; the new password."""

    model_config = example(email="ada@example.com", code=_CODE, password=OTHER_PHRASE)

    email: Email
    code: Code
    password: ChosenPassword


class NewPassword(Body):
    """The password that somebody chooses by way of a link."""

    model_config = example(password=OTHER_PHRASE)

    password: ChosenPassword


class NewEmail(Body):
    """The address that an account is to have."""

    model_config = example(email="ada@lovelace.example.org")

    email: Email


class TypedCode(Body):
    """The code from a letter, in any case, with or without its hyphen."""

    model_config = example(code=_CODE)

    code: Code


class SignUpCode(Body):
    """The code that was sent to somebody who signs up, and their address."""

    model_config = example(email="ada@example.com", code=_CODE)

    email: Email
    code: Code


class LetterView(View):
    """A letter that will be sent; the code in it, if there is one, is good for ``expiresIn`` seconds."""

    model_config = example(expiresIn=600)

    expires_in: int
