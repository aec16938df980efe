"""The mailbox of development: it takes every letter by SMTP, sends none on, and shows them on a page.

``python -m deploy.mailbox``; `make run MAIL=mailbox` and `make up MAIL=mailbox` start it. It is no part of the product,
and refuses to run in production.
"""
