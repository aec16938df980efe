"""Orders: a Django REST framework API that issues tokens of its own (SimpleJWT), and Django's own admin pages.

    python shop.py migrate        and any other command of Django's

Nothing in it is about Gatepost. What any Django behind a proxy has to be told is marked.
"""

import os
import sys
from pathlib import Path

import django
from django.conf import settings
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application

PUBLIC_URL = os.environ["PUBLIC_URL"]
ADMIN = "django.contrib"

settings.configure(
    SECRET_KEY=os.environ["SHOP_SECRET"],
    ALLOWED_HOSTS=["*"],  # the gateway lets pass only hosts that it serves
    CSRF_TRUSTED_ORIGINS=[PUBLIC_URL],  # behind a proxy: where the forms are
    SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),  # behind a proxy: whether it was https
    STATIC_URL="/shop/static/",
    ROOT_URLCONF=__name__,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": Path(__file__).with_name("shop.db")}},
    INSTALLED_APPS=[f"{ADMIN}.{name}" for name in ("admin", "auth", "contenttypes", "sessions", "messages")],
    MIDDLEWARE=[
        f"{ADMIN}.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        f"{ADMIN}.auth.middleware.AuthenticationMiddleware",
        f"{ADMIN}.messages.middleware.MessageMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    f"{ADMIN}.auth.context_processors.auth",
                    f"{ADMIN}.messages.context_processors.messages",
                ]
            },
        }
    ],
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticatedOrReadOnly"],
    },
)
django.setup()

from django.contrib import admin  # noqa: E402 - Django's way: only once it is set up
from django.urls import path  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402
from rest_framework_simplejwt.views import TokenObtainPairView  # noqa: E402

orders: list[dict[str, str]] = []


class Orders(APIView):
    """The orders: for everybody to read, and for those with a token of the shop's to place."""

    def get(self, request: Request) -> Response:
        """Return all orders, and who asks."""
        return Response({"asked_by": request.user.get_username(), "orders": orders})

    def post(self, request: Request) -> Response:
        """Place an order."""
        orders.append({"item": request.data["item"], "by": request.user.get_username()})
        return Response(orders[-1], status=201)


urlpatterns = [
    path("shop/api/token/", TokenObtainPairView.as_view()),
    path("shop/api/orders/", Orders.as_view()),
    path("shop/admin/", admin.site.urls),
]
application = get_wsgi_application()

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
