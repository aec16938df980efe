"""Ordinary programs behind the gateway, by hand: ``make programs``. What came of it is in ``docs/programs.md``."""
