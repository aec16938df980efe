"""The auth service, built on one screen: its parts and its routes.

create_app(settings, metrics) -> a Starlette application; nothing happens before its lifespan starts.
"""

import functools
import itertools
from collections.abc import Sequence

from starlette.applications import Starlette

from auth_service.api import account as account_api
from auth_service.api import email as email_api
from auth_service.api import identities as identity_api
from auth_service.api import recovery as recovery_api
from auth_service.mail.recovery import PATH as RESET_PATH
from auth_service.pages import account as account_pages
from auth_service.pages import email as email_pages
from auth_service.pages import identities as identity_pages
from auth_service.pages import recovery as recovery_pages
from auth_service.pages import sign_in as sign_in_pages
from auth_service.pages import sign_up as sign_up_pages
from auth_service.parts import Parts
from auth_service.settings import AuthSettings, Verification
from auth_service.verifiers import ended_sessions, internal, well_known
from auth_service.ways import nextauth
from auth_service.ways.registry import WAYS, list_ways
from auth_service.ways.way import Way
from shared.application import build_application
from shared.auth_events.contract import COMPARISON_PATH, REVOCATIONS_PATH, SESSION_PATH, USER_CHANGES_PATH
from shared.observing.metrics import Metrics
from shared.tokens.protocol import PROTOCOLS, Protocol
from shared.tokens.public_keys import KEYS_PATH
from shared.web.routes import Resource, resource


def create_app(settings: AuthSettings, metrics: Metrics, ways: Sequence[Way] = ()) -> Starlette:
    """Return the auth service, which signs people in by these ways, or those that the settings ask for."""
    ways = ways or list_ways(settings)
    parts = Parts.build(settings, metrics, ways)
    verification = parts.mail.verification if parts.mail is not None else None
    routes = build_routes(ways, verification, settings.protocol)
    app = build_application(settings, metrics, routes, parts, parts)
    app.state.service_tokens = parts.service_tokens
    return app


def build_routes(
    ways: Sequence[Way] = WAYS, verification: Verification | None = None, protocol: Protocol = PROTOCOLS["4"]
) -> list[Resource]:
    """Return all routes, in reading order.

    ``build_way_routes`` has those that each way to sign in adds, ``build_identity_routes`` those that need another
    provider, ``build_mail_routes`` those that need mail, for which ``verification`` says whether people prove their
    addresses; None where there is no mail.
    """
    unknown = dict.fromkeys(("GET", "POST", "PUT", "PATCH", "DELETE"), nextauth.refuse_unknown)
    return [
        resource("/api/user", POST=email_api.ask_to_sign_up if verification == "required" else account_api.create_user),
        resource("/api/login", POST=account_api.create_session),
        resource("/api/logout", POST=account_api.end_session),
        resource("/api/token", POST=account_api.refresh_tokens),
        resource("/api/me", GET=account_api.show_me, PATCH=account_api.change_me, DELETE=account_api.delete_me),
        resource("/api/me/password", POST=account_api.change_password),
        resource("/api/me/sessions", GET=account_api.list_sessions, DELETE=account_api.end_other_sessions),
        resource("/api/me/sessions/{sid}", DELETE=account_api.end_one_session),
        resource("/api/revocations", GET=ended_sessions.show_ended_sessions),
        resource("/signup", GET=sign_up_pages.show_sign_up, POST=sign_up_pages.sign_up),
        resource("/account", GET=account_pages.show_profile, POST=account_pages.change_profile),
        resource("/account/password", GET=account_pages.show_password, POST=account_pages.change_password),
        resource("/account/sessions", GET=account_pages.show_devices, POST=account_pages.end_other_devices),
        resource("/account/sessions/{sid}", POST=account_pages.end_device),
        resource("/account/delete", GET=account_pages.show_deletion, POST=account_pages.delete_account),
        resource(RESET_PATH, GET=recovery_pages.show_setting, POST=recovery_pages.set_password),
        *(build_mail_routes(verification) if verification is not None else ()),
        *(build_identity_routes() if any(way.is_led_back for way in ways) else ()),
        resource("/api/auth/signin", GET=sign_in_pages.show_sign_in),
        *itertools.chain.from_iterable(map(build_way_routes, ways)),
        resource("/api/auth/signin/{provider}", **{**unknown, "GET": sign_in_pages.show_sign_in}),
        resource("/api/auth/signout", GET=sign_in_pages.show_sign_out, POST=nextauth.sign_out),
        resource("/api/auth/csrf", GET=nextauth.show_csrf_token),
        resource("/api/auth/providers", GET=nextauth.show_providers),
        resource("/api/auth/session", GET=nextauth.show_session, POST=nextauth.update_session),
        resource("/api/auth/error", GET=nextauth.show_error),
        resource("/api/auth/verify-request", GET=nextauth.show_verify_request),
        *([resource("/api/auth/_log", POST=nextauth.take_log)] if protocol.has_log else []),
        resource("/api/auth", **unknown),
        resource("/api/auth/{rest:path}", **unknown),
        resource(KEYS_PATH, GET=well_known.show_keys),
        resource("/.well-known/oauth-authorization-server", GET=well_known.show_issuer),
        resource(USER_CHANGES_PATH, GET=internal.show_user_changes),
        resource(REVOCATIONS_PATH, GET=internal.show_revocations),
        resource(SESSION_PATH, POST=internal.renew_session),
        resource(COMPARISON_PATH, POST=internal.compare_with_ours),
    ]


def build_mail_routes(verification: Verification) -> list[Resource]:
    """Return the routes of what is done by mail."""
    return [
        resource("/api/password-reset", POST=recovery_api.ask_for_reset),
        resource("/api/password-reset/confirm", POST=recovery_api.reset_password),
        resource("/forgot", GET=recovery_pages.show_asking, POST=recovery_pages.ask),
        resource("/api/me/email", POST=email_api.ask_to_move),
        resource("/api/me/email/confirm", POST=email_api.confirm_move),
        resource("/account/email", GET=email_pages.show_email, POST=email_pages.ask_to_move),
        resource("/account/email/confirm", POST=email_pages.confirm_move),
        *(build_proof_routes() if verification != "off" else ()),
        *(build_offer_routes() if verification == "optional" else ()),
        *(build_sign_up_routes() if verification == "required" else ()),
    ]


def build_proof_routes() -> list[Resource]:
    """Return the routes by which people prove their present address."""
    return [
        resource("/api/me/email/verification", POST=email_api.ask_for_present),
        resource("/api/me/email/verification/confirm", POST=email_api.confirm_present),
        resource("/account/email/verification", POST=email_pages.ask_for_present),
        resource("/account/email/verification/confirm", POST=email_pages.confirm_present),
    ]


def build_offer_routes() -> list[Resource]:
    """Return the route by which people are offered to prove their address once they have an account."""
    return [resource("/signup/code", GET=sign_up_pages.show_offer, POST=sign_up_pages.accept_offer)]


def build_sign_up_routes() -> list[Resource]:
    """Return the routes by which people prove their address before they have an account."""
    return [
        resource("/api/user/confirm", POST=email_api.confirm_sign_up),
        resource("/signup/code", GET=sign_up_pages.show_code, POST=sign_up_pages.confirm),
    ]


def build_identity_routes() -> list[Resource]:
    """Return the routes of what people do with their identities at other providers."""
    return [
        resource("/api/me/identities", GET=identity_api.list_identities),
        resource("/api/me/identities/{provider}", DELETE=identity_api.remove_identity),
        resource("/account/identities", GET=identity_pages.show_identities),
        resource("/account/identities/{provider}", POST=identity_pages.begin_adding),
        resource("/account/identities/{provider}/remove", POST=identity_pages.remove_identity),
    ]


def build_way_routes(way: Way) -> list[Resource]:
    """Return the routes where a way to sign in begins, and where its proof is sent."""
    start = resource(
        way.start_path, GET=sign_in_pages.show_sign_in, POST=functools.partial(nextauth.start_sign_in, way)
    )
    if way.is_led_back:
        return [start, resource(way.callback_path, GET=functools.partial(identity_pages.finish, way))]
    shown = {"GET": way.show_callback} if way.show_callback else {}
    return [
        start,
        resource(way.callback_path, POST=functools.partial(nextauth.sign_in, way), **shown),
    ]
