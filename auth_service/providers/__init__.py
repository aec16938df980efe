"""Signing in with other providers: OpenID Connect and OAuth 2.0, all that we say to them and believe of them."""
