"""The head of an HTTP message and the framing of its body, read from bytes and written as bytes; it never waits."""
