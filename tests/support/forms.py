"""The forms of a page, as a browser without script has them."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta", "path", "line", "rect"}


@dataclass
class Field:
    """A field of a form."""

    name: str
    kind: str
    value: str
    attributes: dict[str, str]


@dataclass
class Form:
    """A form, and what stands in it."""

    action: str
    method: str
    asks_first: bool  # it stands in a question that has to be opened
    fields: list[Field] = field(default_factory=list)
    text: str = ""
    has_danger: bool = False

    @property
    def texts(self) -> list[Field]:
        """The fields into which one writes."""
        return [one for one in self.fields if one.kind in {"text", "email", "textarea", "number"}]

    def get(self, name: str) -> Field:
        """Return a field by name."""
        return next(one for one in self.fields if one.name == name)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open: list[tuple[str, str]] = []
        self._form: Form | None = None
        self._area: Field | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag not in _VOID:
            self._open.append((tag, given.get("class", "")))
        if tag == "form":
            asks = ("details", "sure") in self._open
            self._form = Form(given.get("action", ""), given.get("method", "get"), asks)
            self.forms.append(self._form)
        if self._form is None:
            return
        if tag in {"input", "textarea", "select"} and "name" in given:
            kind = given.get("type", "text") if tag == "input" else tag
            found = Field(given["name"], kind, given.get("value", ""), given)
            self._form.fields.append(found)
            self._area = found if tag == "textarea" else None
        if tag == "option" and self._form.fields:
            chooser = self._form.fields[-1]
            if "selected" in given or not chooser.value:
                chooser.value = given.get("value", "")
        if tag == "button" and given.get("class") == "danger":
            self._form.has_danger = True

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag that closes itself opens nothing."""

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass
        if tag == "form":
            self._form = None
        if tag == "textarea":
            self._area = None

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self._area.value += data
        elif self._form is not None:
            self._form.text += data


def forms_of(page: str) -> list[Form]:
    """Return the forms of a page."""
    reader = _Reader()
    reader.feed(page)
    return reader.forms
