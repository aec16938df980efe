"""The command line for operators of the posts service."""
