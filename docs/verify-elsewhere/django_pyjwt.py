"""Orders in Django: Gatepost's access tokens, by PyJWT. Start: uvicorn django_pyjwt:application --port 8003."""

import functools
import os
import time
from collections.abc import Callable

import jwt
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

ISSUER, AUDIENCE = os.environ["ISSUER"], os.environ["AUDIENCE"]
SECONDS = float(os.environ.get("JWKS_SECONDS", "300"))
keys = jwt.PyJWKClient(os.environ["JWKS_URL"], lifespan=SECONDS, cooldown_duration=min(SECONDS, 30), timeout=5)
View = Callable[[HttpRequest], HttpResponse]


def access_token_required(view: View) -> View:
    """Give a view ``request.claims``, what a valid token says; 401 for all others."""

    @functools.wraps(view)
    def verify_first(request: HttpRequest) -> HttpResponse:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        try:
            if scheme.lower() != "bearer" or jwt.get_unverified_header(token).get("typ") != "at+jwt":
                raise jwt.InvalidTokenError  # PyJWT itself does not look at the type
            request.claims = jwt.decode(
                token,
                keys.get_signing_key_from_jwt(token),
                algorithms=["ES256"],
                issuer=ISSUER,
                audience=AUDIENCE,
                options={"require": ["exp", "iss", "aud", "sub"], "verify_iat": False},
            )
        except jwt.PyJWKClientConnectionError:
            return HttpResponse(status=503)
        except jwt.PyJWTError:
            return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
        return view(request)

    return verify_first


@access_token_required
def list_orders(request: HttpRequest) -> HttpResponse:
    """Answer whoever is signed in."""
    return JsonResponse({"user": request.claims["sub"]})


@access_token_required
def list_refunds(request: HttpRequest) -> HttpResponse:
    """Answer an admin who proved within the last quarter of an hour who they are."""
    if "admin" not in request.claims.get("roles", []) or request.claims.get("auth_time", 0) < time.time() - 900:
        return HttpResponse(status=403)
    return JsonResponse({"user": request.claims["sub"]})


# What a project has in files of its own.
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["localhost", "127.0.0.1"])
urlpatterns = [path("orders", list_orders), path("refunds", list_refunds)]
application = get_asgi_application()
