"""What a package holds besides what its reader says: words in other parts, in fields, in attributes. Checked, not searched.

A reader knows what people see. Whoever opens the parts gets at the rest, so that nothing in them stays unchecked.
"""

import re
from collections.abc import Mapping

from .archive import words
from .blocks import METADATA, Output, Page, Unreadable
from .charsets import decode
from .markup import Node, local, parse

_DOCTYPE = re.compile(rb"<!DOCTYPE[^>\[]{0,300}>")  # without declarations of its own
_BLOCK = 500  # texts of one paragraph
_MOST = 500_000  # different texts of a package
# Attributes that place and draw, and name nothing to people; they are all different in each document.
_DRAWN = frozenset({"id", "spid", "style", "path", "points", "d", "rsid", "uid", "guid"})
# Numbers that only count and measure, colours, identifiers, and the names of schemas.
_MEASURE = re.compile(
    r"[-+\d.,:%a-zA-Z]{0,3}|[-+]?[\d.,: %]{1,12}(?:[a-z]{2}|%)?|-?\d+\.\d+(?:[Ee]-?\d+)?|\d{4}-\d\d-\d\d(?:T[\d:.]+Z?)?|PT[\d.HMS]+|[0-9A-Fa-f]{6,8}|\{?[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}?"
    r"|(?:http://(?:schemas\.(?:openxmlformats|microsoft)\.|purl\.o|www\.w3\.org/)|urn:)\S*"
)


class Rest:
    """Gathers texts, each once."""

    def __init__(self) -> None:
        self._found: dict[str, None] = {}
        self._trees: list[Node] = []
        self.is_full = False

    def say(self, text: str) -> None:
        """Take a text that is nowhere else said."""
        said = " ".join(text.split())
        if said in self._found or not said or _MEASURE.fullmatch(said):
            return
        self.is_full |= len(self._found) >= _MOST
        if not self.is_full:
            self._found[said] = None

    def say_attributes(self, attributes: Mapping[str, str]) -> None:
        """Take the values of attributes that may be words."""
        for name, value in attributes.items():
            if len(value) > 3 and value not in self._found and local(name) not in _DRAWN:  # noqa: PLR2004 - "true" is a word
                self.say(value)

    def watch(self, root: Node) -> Node:
        """Note a tree that a reader is given; what it does not ask for is taken by `settle`."""
        self._trees.append(root)
        return root

    def settle(self) -> None:
        """Take what nobody asked for of the trees that were given so far."""
        for root in self._trees:
            self._take(root)
        self._trees = []

    def _take(self, root: Node) -> None:
        waiting = [root]
        while waiting:
            node = waiting.pop()
            self.say_attributes(node.attributes)
            if not node.is_said:
                self.say("".join(node.words))
            waiting += reversed(node.below)

    def take_xml(self, part: bytes) -> None:
        """Take the texts and the attributes of a part that no reader knows. Raises Unreadable("document_type")."""
        gathered: list[str] = []

        def flush() -> None:
            self.say("".join(gathered))
            gathered.clear()

        def start(name: str, attributes: dict[str, str]) -> None:
            if local(name) not in _WITHIN:
                flush()
            self.say_attributes(attributes)

        def end(name: str) -> None:
            if local(name) not in _WITHIN:
                flush()

        try:
            parse(_DOCTYPE.sub(b"", part, count=1), start, end, gathered.append, aside=self.say)
        except Unreadable as error:
            if error.code == "document_type":
                raise
            self.say(decode(part))  # the older drawings are no XML, though they look like it
        flush()

    def take_markup(self, part: bytes) -> None:
        """Take the texts of XML that may be no XML, or declare entities: then all of it as it is written."""
        try:
            parse(part, lambda _name, given: self.say_attributes(given), lambda _name: None, self.say, aside=self.say)
        except Unreadable:
            self.say(part.decode("utf-8", "replace"))

    def take_bytes(self, content: bytes) -> None:
        """Take what can be read in bytes that are no text."""
        for line in words(content).splitlines():
            self.say(line)

    def write(self, output: Output, page: Page) -> None:
        """Add what was taken to what is checked."""
        self.settle()
        found = list(self._found)
        for begin in range(0, len(found), _BLOCK):
            output.add(page, "paragraph", " |\n".join(found[begin : begin + _BLOCK]), hidden=METADATA)
        if self.is_full:
            output.miss("", "too_much_text")
        self._found = {}


# Elements that stand within a line: a word may be torn between two of them.
_WITHIN = frozenset(
    {"r", "t", "rPr", "span", "b", "i", "u", "ins", "proofErr", "lang", "sz", "color", "rFonts", "latin"}
)
