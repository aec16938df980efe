"""Optimisations: they change no answer, only its cost."""
