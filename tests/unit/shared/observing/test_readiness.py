"""Readiness as a metric: what ``/readyz`` says, by the same checks."""

from shared.observing.metrics import Metrics


def test_each_lack_and_each_remark_has_a_figure() -> None:
    """Every check shows whether it names a lack; one is enough not to be ready; a remark is not."""
    lacks: dict[str, str | None] = {"database": None, "keys": None}
    remarks: dict[str, str | None] = {"mail": "letters wait"}
    metrics = Metrics()
    metrics.readiness.add({"database": lambda: lacks["database"]}, {"mail": lambda: remarks["mail"]})
    metrics.readiness.add({"keys": lambda: lacks["keys"]}, {})

    def read(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(name, labels)

    assert read("gatepost_ready") == 1
    assert read("gatepost_lacking", reason="database") == read("gatepost_lacking", reason="keys") == 0
    assert read("gatepost_remarked", about="mail") == 1
    lacks["keys"], remarks["mail"] = "none", None
    assert read("gatepost_ready") == 0
    assert read("gatepost_lacking", reason="database") == 0
    assert read("gatepost_lacking", reason="keys") == 1
    assert read("gatepost_remarked", about="mail") == 0
