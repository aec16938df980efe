"""Tokens and cookies that prove something: signed, sealed, parsed strictly, and turned into a caller."""
