"""From bytes to a tree, in which nothing is left that two readers could read in two ways."""

import re
import zlib
from collections.abc import Iterator
from typing import Final, TypeAlias

from lxml import etree

from appliance.identity.sso.saml.rules import Refused, Rule
from appliance.kernel.federation import from_base64

SAML: Final = "urn:oasis:names:tc:SAML:2.0:assertion"
PROTOCOL: Final = "urn:oasis:names:tc:SAML:2.0:protocol"
METADATA: Final = "urn:oasis:names:tc:SAML:2.0:metadata"
DSIG: Final = "http://www.w3.org/2000/09/xmldsig#"
XENC: Final = "http://www.w3.org/2001/04/xmlenc#"
MESSAGE_BYTES: Final = 400_000
METADATA_BYTES: Final = 4_000_000
_DEPTH: Final = 40
_ELEMENTS: Final = 6_000
_ATTRIBUTES: Final = 24
_DECLARATION: Final = re.compile(rb"""\A\s*<\?xml\s[^<>?]*\?>""")
_ENCODING: Final = re.compile(rb"""encoding\s*=\s*["']([^"']*)["']""")
_ID: Final = re.compile(r"\A[A-Za-z_][A-Za-z0-9_.\-]{0,255}\Z")
_MARKUP: Final = (b"<!", b"<?")
_ID_NAMES: Final = frozenset({"ID", "Id", "id"})
_XML_ID: Final = "{http://www.w3.org/XML/1998/namespace}id"

Element: TypeAlias = etree._Element  # noqa: SLF001 - lxml has no other name for the type


def from_post(written: str | None) -> bytes:
    """Return the message of a form's field."""
    if not written:
        raise Refused(Rule.MESSAGE_MISSING)
    if len(written) > MESSAGE_BYTES * 4 // 3 + 4:
        raise Refused(Rule.MESSAGE_TOO_LARGE)
    try:
        return from_base64(written)
    except ValueError as error:
        raise Refused(Rule.MESSAGE_ENCODING) from error


def from_redirect(written: str | None) -> bytes:
    """Return the message of a query's field: base64 of a raw deflate stream, unpacked to our limit and no further."""
    packed = from_post(written)
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        message = stream.decompress(packed, MESSAGE_BYTES + 1)
    except zlib.error as error:
        raise Refused(Rule.MESSAGE_ENCODING) from error
    if len(message) > MESSAGE_BYTES:
        raise Refused(Rule.MESSAGE_TOO_LARGE)
    if not stream.eof or stream.unused_data:
        raise Refused(Rule.MESSAGE_ENCODING)
    return message


def parse(message: bytes, *, limit: int = MESSAGE_BYTES, elements: int = _ELEMENTS) -> Element:
    """Return the root. Raises Refused.

    In UTF-8 `<!` and `<?` begin comments, CDATA, processing instructions and DTDs, and are nothing else: with none of them
    after the declaration there is no entity to expand, and no text that is in pieces.
    """
    if len(message) > limit:
        raise Refused(Rule.MESSAGE_TOO_LARGE)
    try:
        message.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused(Rule.XML_ENCODING) from error
    message = message.removeprefix(b"\xef\xbb\xbf")
    body = message
    if declared := _DECLARATION.match(message):
        named = _ENCODING.search(declared[0])
        if named and named[1].lower() not in {b"utf-8", b"us-ascii"}:
            raise Refused(Rule.XML_ENCODING)
        body = message[declared.end() :]
    if b"\0" in body:  # UTF-16 that has no sign of its own at the beginning
        raise Refused(Rule.XML_ENCODING)
    if any(mark in body for mark in _MARKUP):
        raise Refused(Rule.XML_MARKUP)
    return _checked(_tree(body), elements)


def _tree(body: bytes) -> Element:
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False,
        attribute_defaults=False, huge_tree=False, recover=False, remove_blank_text=False,
    )  # fmt: skip
    try:
        return etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        too_deep = "depth" in str(error).lower()
        raise Refused(Rule.XML_TOO_DEEP if too_deep else Rule.XML_MALFORMED) from error


def _checked(root: Element, elements: int) -> Element:
    """Count, and see that each id names one element whatever the attribute is called."""
    seen: set[str] = set()
    count, depth, declared = 0, 0, 0
    for event, element in etree.iterwalk(root, events=("start", "end", "start-ns")):
        if event == "end":
            depth -= 1
            continue
        if event == "start-ns":  # of the element that begins next
            declared += 1
            continue
        count, depth = count + 1, depth + 1
        if depth > _DEPTH:
            raise Refused(Rule.XML_TOO_DEEP)
        if count > elements or len(element.attrib) + declared > _ATTRIBUTES:
            raise Refused(Rule.XML_TOO_MANY)
        declared = 0
        if element.attrib:
            _check_ids(element, seen)
    return root


def _check_ids(element: Element, seen: set[str]) -> None:
    for name, value in element.attrib.items():
        if name == _XML_ID:
            raise Refused(Rule.ID_MALFORMED)
        if etree.QName(name).localname in _ID_NAMES:
            if not _ID.match(str(value)):
                raise Refused(Rule.ID_MALFORMED)
            if value in seen:
                raise Refused(Rule.ID_TWICE)
            seen.add(str(value))


def q(namespace: str, name: str) -> str:
    """Return a name as lxml writes it."""
    return f"{{{namespace}}}{name}"


def named(root: Element, *names: str) -> list[Element]:
    """Return every element of these local names, in whichever namespace: look-alikes count."""
    return [one for one in root.iter() if etree.QName(one).localname in names]


def children(element: Element, namespace: str, name: str) -> list[Element]:
    """Return the children of a name."""
    return list(element.findall(q(namespace, name)))


def only_child(element: Element, namespace: str, name: str, rule: Rule) -> Element:
    """Return the one child of a name. Raises Refused by the rule for none, and for several."""
    found = children(element, namespace, name)
    if len(found) != 1:
        raise Refused(rule)
    return found[0]


def at_most_one(element: Element, namespace: str, name: str, rule: Rule) -> Element | None:
    """Return the child of a name, or None. Raises Refused by the rule for several."""
    found = children(element, namespace, name)
    if len(found) > 1:
        raise Refused(rule)
    return found[0] if found else None


def text_of(element: Element, rule: Rule) -> str:
    """Return the text of an element that holds nothing else. Raises Refused by the rule for elements in it, and for none."""
    text = (element.text or "").strip()
    if len(element) or not text or not text.isprintable():
        raise Refused(rule)
    return text


def texts_in(element: Element) -> Iterator[str]:
    """Yield the texts of an attribute's values, without those that hold elements."""
    for one in children(element, SAML, "AttributeValue"):
        text = (one.text or "").strip()
        if text and not len(one):
            yield text
