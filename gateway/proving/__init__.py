"""What a policy means, answered exactly: what a change of it changes, and whether promises about it hold.

Imported only when something is asked: a gateway without promises never loads it. Pure, but for reading files.
"""
