"""The errors that only the auth service raises, each a child of one in ``shared.errors``."""

from shared.errors import BadRequest, Conflict, Forbidden, Unauthorized


class InvalidCredentials(Unauthorized):
    """401: the e-mail address or the password is wrong. Never says which."""

    sentence = "Invalid credentials"


class LinkRefused(Unauthorized):
    """401: a link to sign in is not ours, too old or used up, or its user may not sign in. Never says which."""

    sentence = "This link no longer works"


class NoAddress(BadRequest):
    """400: what was typed is no e-mail address, so nothing can be sent there."""

    sentence = "This is not an e-mail address"


class RefreshRefused(Unauthorized):
    """401: the refresh token is unknown or used up, or its session is over. Never says which."""

    sentence = "This refresh token is not valid. Sign in again"


class CodeRefused(BadRequest):
    """400: a code from a letter is wrong, too old or used up, or another browser asked for it. Never says which."""

    sentence = "This code is not right, or no longer valid. Ask for a new one"


class EmailTaken(Conflict):
    """409: somebody has already signed up with this e-mail address."""

    sentence = "This e-mail address is already taken"


class EmailUnproven(Forbidden):
    """403: the password is right, but people sign in here only once their address is proven."""

    sentence = "Confirm your e-mail address first: ask for a new password"
