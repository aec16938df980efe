"""Forms as a browser reads them from a page: where they go, and what is in their fields."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

Attributes = list[tuple[str, str | None]]


@dataclass(slots=True)
class HtmlForm:
    """One form; ``fields`` is what would be sent, ``attributes`` what its fields are marked with."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, dict[str, str | None]] = field(default_factory=dict)


def read_forms(page: str) -> dict[str, HtmlForm]:
    """Return the forms of a page by their action."""
    parser = _FormParser()
    parser.feed(page)
    return parser.forms


class _FormParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: dict[str, HtmlForm] = {}
        self._form = HtmlForm("")
        self._text_area: str | None = None

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        found = dict(attrs)
        if tag == "form":
            self._form = HtmlForm(found["action"] or "")
            self.forms[self._form.action] = self._form
        elif tag in {"input", "textarea"} and (name := found["name"]) is not None:
            self._form.attributes[name] = found
            if found.get("type") != "checkbox" or "checked" in found:
                self._form.fields[name] = found.get("value") or ""
            self._text_area = name if tag == "textarea" else None

    def handle_data(self, data: str) -> None:
        if self._text_area is not None:
            self._form.fields[self._text_area] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._text_area is not None:
            text = self._form.fields[self._text_area]
            self._form.fields[self._text_area] = text.removeprefix("\n")  # as browsers do (HTML, section 13.1.2.5)
            self._text_area = None
