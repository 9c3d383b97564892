"""What the styles of an OpenDocument package hide, and the objects inside it."""

import io
import re
import zipfile
from dataclasses import dataclass, field

from .blocks import Output
from .markup import local as local_name
from .markup import parse
from .parts import Parts

_OBJECT = re.compile(r"(Object [^/]+)/")


@dataclass
class Looks:
    """Styles that hide what wears them, by their names."""

    hiding: set[str] = field(default_factory=set)

    def read(self, part: bytes) -> None:
        style = [""]

        def start(name: str, attributes: dict[str, str]) -> None:
            given = {local_name(key): value for key, value in attributes.items()}
            if local_name(name) == "style":
                style[0] = given.get("name", "")
            elif local_name(name).endswith("-properties") and style[0] and _hides(local_name(name), given):
                self.hiding.add(style[0])

        parse(part, start, lambda _name: None, lambda _text: None)


def _hides(name: str, given: dict[str, str]) -> bool:
    if name == "text-properties":
        is_white = (
            given.get("color", "").lower() == "#ffffff"
            and given.get("background-color", "transparent") == "transparent"
        )
        return given.get("display") == "none" or is_white or given.get("font-size", "") in {"0pt", "1pt"}
    return (name == "table-properties" and given.get("display") == "false") or (
        name == "drawing-page-properties" and given.get("visibility") == "hidden"
    )


def attach_objects(parts: Parts, output: Output) -> None:
    """Hand over what is embedded."""
    # An object inside is a folder; a file is made of it again.
    folders = sorted({match[1] for name in parts.names if (match := _OBJECT.match(name))})
    for folder in folders:
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as archive:
            kind = f"{folder}/content.xml"
            content = parts.find(kind)
            if content is None:
                continue
            archive.writestr("mimetype", f"application/vnd.oasis.opendocument.{_body(content)}")
            archive.writestr("content.xml", content)
            if styles := parts.find(f"{folder}/styles.xml"):
                archive.writestr("styles.xml", styles)
        output.attach(folder, target.getvalue())
    for name in sorted(parts.names):
        if name.startswith("Object ") and "/" not in name:
            output.attach(name, parts.read(name))


def _body(content: bytes) -> str:
    match = re.search(rb"<office:(text|spreadsheet|presentation|chart|drawing)\b", content)
    kind = match[1].decode() if match else "text"
    return {"chart": "text", "drawing": "graphics"}.get(kind, kind)
