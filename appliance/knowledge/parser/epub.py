"""EPUB: the chapters of a book in the order of its spine, each read as the page of HTML that it is."""

import posixpath
from urllib.parse import unquote

from . import html
from .blocks import METADATA, Output, Page, Unreadable
from .charsets import decode
from .inlaid import Shown
from .markup import tree
from .parts import Parts
from .sweep import take_rest

_PAGES = frozenset({"application/xhtml+xml", "text/html", "application/x-dtbook+xml"})


def read(parts: Parts) -> Output:
    """Return the chapters. What the spine does not name is checked, and not searched."""
    output, page = Output(format="epub"), Page(None)
    output.pages.append(page)
    if (
        "META-INF/encryption.xml" in parts.names
        and tree(parts.read("META-INF/encryption.xml")).first("CipherReference").name
    ):
        output.miss("", "encrypted")
    main = parts.tree("META-INF/container.xml").first("rootfile").attributes.get("full-path", "")
    book = parts.tree(main)
    about = [(node.name, " ".join(node.text().split())) for node in book.first("metadata").below]
    output.title = next((text for name, text in about if name == "title"), None)
    manifest = {
        node.attributes.get("id", ""): (_target(main, node.attributes.get("href", "")), node.attributes.get("media-type", ""))
        for node in book.first("manifest").below
    }  # fmt: skip
    spine = [manifest.get(node.attributes.get("idref", ""), ("", ""))[0] for node in book.first("spine").below]
    seen: set[str] = set()
    for name in dict.fromkeys(spine):
        _write(parts, name, output, page, seen, is_read=True)
    for name, media_type in manifest.values():
        if media_type in _PAGES and name not in spine:
            _write(parts, name, output, page, seen, is_read=False)
    rest = {name for name, media_type in manifest.values() if media_type.startswith("image/")} - seen
    shown = Shown(parts, output)
    shown.show_rest(page, rest)
    output.add(page, "paragraph", "\n".join(f"{name}: {text}" for name, text in about if text), hidden=METADATA)
    for name in sorted(parts.names - parts.seen):
        if name.lower().endswith((".xhtml", ".html", ".htm")):
            _write(parts, name, output, page, seen, is_read=False)
    take_rest(parts, output, page, shown)
    return output


def _target(main: str, reference: str) -> str:
    path = unquote(reference.partition("#")[0])
    return posixpath.normpath(posixpath.join("/", posixpath.dirname(main), path))[1:]


def _write(parts: Parts, name: str, output: Output, page: Page, seen: set[str], *, is_read: bool) -> None:
    if name not in parts.names:
        return

    def find(reference: str) -> tuple[str, bytes] | None:
        place = _target(name, reference)
        if place not in parts.names or place in seen:
            return None
        seen.add(place)
        try:
            return posixpath.basename(place), parts.read(place)
        except Unreadable as error:
            if error.code == "bomb":
                raise
            output.miss(posixpath.basename(place), error.code)
            return None

    try:
        chapter = html.read_text(decode(parts.read(name)), find)
    except Unreadable as error:
        if error.code == "bomb":
            raise
        output.miss(posixpath.basename(name), error.code)
        return
    output.take(page, chapter, hidden=None if is_read else METADATA)
