"""Text that is safe to show in a terminal: characters that are invisible, or would be obeyed, are escaped. Pure.

Control characters move the cursor and clear the screen; bidirectional ones (U+202E and the like) make a text read as
another (CVE-2021-42574). Both occur in names that people choose.
"""


def make_visible(text: str, keep: str = "") -> str:
    r"""Return the text with every unprintable character as ``\uXXXX``, except those in ``keep``.

    The escapes are JSON's: in a JSON text, which has such characters only inside strings, they mean the same.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each in keep else _escape(each) for each in text)


def _escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
