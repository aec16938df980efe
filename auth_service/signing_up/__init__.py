"""Signing up: who may, and how an account becomes somebody's."""
