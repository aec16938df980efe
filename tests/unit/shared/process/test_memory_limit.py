"""The memory that a container gives its process."""

from pathlib import Path

import pytest

from shared.process.memory_limit import find_memory_limit


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ((), None),
        (("max\n",), None),
        (("268435456\n",), 268_435_456),
        (("9223372036854771712\n",), None),
        (("nonsense", "1048576"), 1_048_576),
    ],
)
def test_the_limit_is_found(tmp_path: Path, texts: tuple[str, ...], expected: int | None) -> None:
    """The first file that names a limit tells it; without a file, or with none in it, there is none."""
    files = [tmp_path / "absent", *(tmp_path / str(number) for number in range(len(texts)))]
    for file, text in zip(files[1:], texts, strict=True):
        file.write_text(text)
    assert find_memory_limit(files) == expected
