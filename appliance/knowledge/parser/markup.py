"""XML parts of office documents, read with expat and no entity: a document type declaration ends the reading."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from .blocks import Unreadable

_TREE_BYTES = 30_000_000
_DEPTH = 500
# The strict dialect of ISO 29500 differs from what everybody writes in its namespaces only.
_STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/(\w+)")
OFF = frozenset({"0", "false", "none", "off"})


def parse(
    part: bytes, start: object, end: object, text: object, *, aside: Callable[[str], None] = lambda _text: None
) -> None:
    """Run expat over one part, refusing any document type declaration. Names come as "namespace local".

    `aside` is told comments and processing instructions.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text  # type: ignore[assignment]
    parser.StartDoctypeDeclHandler = refuse
    parser.CommentHandler = aside
    parser.ProcessingInstructionHandler = lambda target, said: aside(f"{target} {said}")
    if b"purl.oclc.org/ooxml" in part[:20_000]:
        part = _STRICT.sub(rb"http://schemas.openxmlformats.org/\1/2006/\2", part)
    try:
        parser.Parse(part, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise Unreadable("damaged") from error


def refuse(*_declaration: object) -> None:
    """End the reading at a document type declaration."""
    raise Unreadable("document_type")


@dataclass(slots=True)
class Node:
    """An element by its local name. Attributes keep their local names too."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    below: list["Node"] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    is_said: bool = False  # somebody asked for its text

    def all(self, *names: str) -> Iterator["Node"]:
        """Yield the elements of these names, at any depth and in order; not those within one that is yielded."""
        for node in self.below:
            if node.name in names:
                yield node
            else:
                yield from node.all(*names)

    def first(self, name: str) -> "Node":
        """Return the first element of this name at any depth, or an empty one."""
        return next(self.all(name), Node(""))

    def text(self) -> str:
        """Return its own text and that of all elements below."""
        self.is_said = True
        return "".join(self.words) + "".join(node.text() for node in self.below)


def tree(part: bytes, aside: Callable[[str], None] = lambda _text: None) -> Node:
    """Return a small part as a tree."""
    if len(part) > _TREE_BYTES:
        raise Unreadable("bomb")
    root = Node("")
    way = [root]

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(way) > _DEPTH:
            raise Unreadable("too_deep")
        # One with a namespace wins over one of the same local name: a slide has a number and a relation, both "id".
        ordered = sorted(attributes.items(), key=lambda one: " " in one[0])
        node = Node(local(name), {local(key): value for key, value in ordered})
        way[-1].below.append(node)
        way.append(node)

    def take(text: str) -> None:
        way[-1].words.append(text)

    parse(part, start, lambda _name: way.pop(), take, aside=aside)
    return root.below[0] if root.below else root


def local(name: str) -> str:
    """Return a name without its namespace."""
    return name.rpartition(" ")[2]
