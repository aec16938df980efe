"""The whole system on this machine without Docker: ``python -m stack``, or ``make run``, which prepares it.

An embedded PostgreSQL and the three services, started, watched and stopped together. For development and tests only: it
chooses the settings that an operator would give.
"""
