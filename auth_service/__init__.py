"""The auth service: who you are. It owns the credentials and is the only issuer of tokens."""
