"""Text that a terminal shows as it is: what can't be seen, or would be obeyed, is written as an escape. Pure.

Control characters move the cursor and clear the screen; bidirectional ones (U+202E and its like) let a text read as
another (CVE-2021-42574). Both come in names that people choose.
"""


def make_visible(text: str, keep: str = "") -> str:
    r"""Return the text with every character that is not printable as ``\uXXXX``, but those in ``keep``.

    The escapes are JSON's: within a JSON text, which has such characters in its strings alone, they mean the same.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each in keep else _escape(each) for each in text)


def _escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
