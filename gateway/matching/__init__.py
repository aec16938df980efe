"""Matchers: from their text in Next.js' syntax to a table that answers in linear time. Imports nothing of ours."""
