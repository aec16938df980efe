"""What Gatepost survives: faults done to its containers while people use them, with a ledger of what they were told.

``python -m tests.faults`` runs every experiment and prints a table; ``--short`` runs the selection of the CI. Each
experiment is a function in a module of its own kind (``killing``, ``database``, ...); ``catalogue`` lists them. What
must be true in every one of them is judged in one place, ``oracles``.
"""
