"""Tokens and cookies that prove something: signed, sealed, read strictly, and turned into a caller."""
