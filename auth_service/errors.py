"""The errors that only the auth service raises, each a child of one in ``shared.errors``."""

from shared.errors import BadRequest, Conflict, Forbidden, Unauthorized, UpstreamFailed


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


class ProviderDown(UpstreamFailed):
    """502: another provider can't be asked to sign somebody in."""

    sentence = "Signing in there does not work right now. Try again later, or sign in another way"


class ProviderRefused(Unauthorized):
    """401: what another provider says proves nothing. The log says why, the answer never does."""

    sentence = "Signing in there did not work. Try again"


class ProviderDeclined(Unauthorized):
    """401: another provider says that somebody did not sign in there."""

    sentence = "You did not sign in there. Try again, or sign in another way"


class NotLinked(Conflict):
    """409: an account has the address that another provider gives, and not both are proven to be one person's."""

    sentence = "There is an account with your e-mail address already. Sign in the way you did before"


class NoAccountMade(Conflict):
    """409: what another provider says of somebody is not enough for an account."""

    sentence = "An account needs an e-mail address, and none was given, or none that is confirmed"


class NotAllowedIn(Forbidden):
    """403: another provider knows them, but their account here is disabled."""

    sentence = "You can't sign in with this account"


class SignUpClosed(NotAllowedIn):
    """403: nobody makes an account by themselves here."""

    sentence = "New accounts are made by whoever runs this site"


class InvitationWanted(NotAllowedIn):
    """403: it takes an invitation to make an account, and none came along, or one that is too old or used up."""

    sentence = "It takes an invitation to make an account here, and one that is still good"


class IdentityTaken(Conflict):
    """409: somebody else's account here has the identity at another provider."""

    sentence = "Another account here already signs in with that"


class TooManyIdentities(Conflict):
    """409: the account has as many identities as one may have."""

    sentence = "Your account has too many ways to sign in already. Remove one first"


class SessionChanged(Conflict):
    """409: who is signed in is not who began to add an identity."""

    sentence = "You signed out or in again in the meantime. Please try again"


class LastWayIn(Conflict):
    """409: without what was to be removed, the user could not sign in any more."""

    sentence = "This is your only way to sign in. Set a password first, or add another way"
