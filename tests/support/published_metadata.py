"""What providers with a preset publish of themselves, as far as it is read here: their endpoints, and what they can do.

Facts of https://accounts.google.com/.well-known/openid-configuration and of Kakao's at https://kauth.kakao.com.
"""

from collections.abc import Mapping

PUBLISHED: Mapping[str, Mapping[str, object]] = {
    "google": {
        "issuer": "https://accounts.google.com",
        "authorization_endpoint": "https://accounts.google.com/o/oauth2/v2/auth",
        "token_endpoint": "https://oauth2.googleapis.com/token",
        "userinfo_endpoint": "https://openidconnect.googleapis.com/v1/userinfo",
        "jwks_uri": "https://www.googleapis.com/oauth2/v3/certs",
        "response_types_supported": ["code", "token", "id_token", "code token", "none"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
    },
    "kakao": {
        "issuer": "https://kauth.kakao.com",
        "authorization_endpoint": "https://kauth.kakao.com/oauth/authorize",
        "token_endpoint": "https://kauth.kakao.com/oauth/token",
        "userinfo_endpoint": "https://kapi.kakao.com/v1/oidc/userinfo",
        "jwks_uri": "https://kauth.kakao.com/.well-known/jwks.json",
        "response_types_supported": ["code"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
    },
}
