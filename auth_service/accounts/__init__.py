"""Accounts: made, changed and deleted; who may make one, and how it becomes somebody's."""
