"""Mail as it travels (RFC 5322, MIME): its header lines, the body a reader sees, and everything attached to it.

Taken apart here and not by the standard library's parser, which follows four hundred messages inside each other and
gives a message inside a message back as it would write it, not as it came. Each such message is handed over as a file.
"""

import re
from dataclasses import dataclass, field
from email.header import decode_header
from email.message import Message
from urllib.parse import unquote

from . import html
from .archive import words
from .blocks import ALTERNATIVE, METADATA, Output, Page, Unreadable
from .charsets import decode
from .plain import paragraphs
from .transfer import (
    KNOWN,
    beside_base64,
    beside_uuencoded,
    from_transfer,
    meant_encoding,
    torn_uuencoded,
    uuencoded,
    without_uuencoded,
)

_SHOWN = ("From", "To", "Cc", "Bcc", "Reply-To", "Date", "Subject")
_ONE = frozenset(
    {"content-disposition", "content-transfer-encoding", "content-type"}
)  # comes once, or means two things
_YENC = re.compile(rb"^=ybegin .*size=", re.MULTILINE)
_DEPTH = 30
_PARTS = 2_000
_HEADER = re.compile(rb"([!-9;-~]{1,76}):[ \t]*")
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_UNFOLD = re.compile(rb"\r?\n(?=[ \t])")
_NEXT_MAIL = re.compile(rb"(?:\A|\r?\n\r?\n)From \S+ [^\n]*\d\d:\d\d[^\n]*\d{4}[^\n]*\n(?=[A-Za-z-]+:)")
_SOFT_BREAK = re.compile(r" \r?\n(?!>)")
_SAME = 0.8  # of the words of one form of a body are in the other
_SIGNATURE = "application/pkcs7-signature", "application/x-pkcs7-signature"
_SIGNATURE_BYTES = 16_000
_SUFFIX = {"text/calendar": "ics", "text/html": "html", "message/rfc822": "eml"}


def read(content: bytes, _kind: str) -> Output:
    """Return one mail; a mailbox of several hands each of them over as a file."""
    begins = list(_NEXT_MAIL.finditer(content)) if content.startswith(b"From ") else []
    output, page = Output(format="mail"), Page(None)
    output.pages.append(page)
    if len(begins) > 1:
        ends = [*(match.start() for match in begins[1:]), len(content)]
        for number, (begin, end) in enumerate(zip(begins, ends, strict=True), start=1):
            output.attach(f"{number}.eml", content[begin.end() : end])
        return output
    _Mail(output, page).read(content[begins[0].end() :] if begins else content)
    return output


@dataclass
class Body:
    """A form of a mail's text."""

    subtype: str
    output: Output

    @property
    def text(self) -> str:
        return "\n".join(
            block.text for page in self.output.pages for block in page.blocks if block.text and not block.hidden
        )


@dataclass
class Part:
    """A MIME entity: its header lines, as they are and as they are meant, and its body as it came."""

    lines: list[tuple[str, str]]
    body: bytes
    meant: Message = field(default_factory=Message)

    @classmethod
    def of(cls, raw: bytes) -> "Part":
        blank = _BLANK_LINE.search(b"\n" + raw[:1_000_000])
        end = max(0, blank.start() - 1) if blank else len(raw)
        part = cls(_header_lines(raw[:end]), raw[blank.end() - 1 :] if blank else b"")
        for name, value in part.lines:
            if name.lower() in {"content-type", "content-disposition"} and name not in part.meant:
                part.meant[name] = value
        return part

    def value(self, name: str) -> str:
        return next((value for one, value in self.lines if one.lower() == name.lower()), "")

    @property
    def media_type(self) -> str:
        return self.meant.get_content_type()

    @property
    def file_name(self) -> str:
        given = _asked(self.meant.get_filename)
        if not isinstance(given, str) or not given.strip():
            return ""
        return _in_words(given)

    @property
    def charset(self) -> str | None:
        given = _asked(self.meant.get_content_charset)
        return given if isinstance(given, str) else None

    @property
    def boundary(self) -> bytes:
        given = _asked(self.meant.get_boundary)
        return given.encode("utf-8", "surrogateescape") if isinstance(given, str) else b""

    @property
    def encoding(self) -> str:
        return meant_encoding(self.value("Content-Transfer-Encoding"))

    @property
    def is_ambiguous(self) -> bool:
        """Whether programs would read this part in different ways."""
        said = {(name.lower(), value.lower()) for name, value in self.lines if name.lower() in _ONE}
        return len({name for name, _ in said}) < len(said)

    @property
    def is_attachment(self) -> bool:
        return self.meant.get_content_disposition() == "attachment"

    @property
    def content(self) -> bytes:
        return from_transfer(self.body, self.value("Content-Transfer-Encoding"))


def _asked(ask: object) -> object:
    try:
        return ask()  # type: ignore[operator]
    except (LookupError, ValueError, TypeError, AttributeError):
        return None  # a parameter that no program could have meant


def _header_lines(head: bytes) -> list[tuple[str, str]]:
    found = []
    for line in re.split(rb"\r?\n", _UNFOLD.sub(b" ", head)):
        if match := _HEADER.match(line):
            found.append((match[1].decode("ascii"), _in_words(decode(line[match.end() :] + b" ").strip())))
        elif line.strip():
            found.append(("", decode(line).strip()))
    return found


def _in_words(value: str) -> str:
    """Resolve =?charset?…?= in a header (RFC 2047), also where it stands in quotes or names no real charset."""
    if "=?" not in value:
        return value
    try:
        pieces = decode_header(value)
    except (ValueError, LookupError):
        return value
    return "".join(piece if isinstance(piece, str) else decode(piece, charset) for piece, charset in pieces)


class _Mail:
    """Writes a mail's parts to the output."""

    def __init__(self, output: Output, page: Page) -> None:
        self._output, self._page = output, page
        self._parts = 0
        self._pictures: dict[str, Part] = {}  # those that a page of this mail may show, by their ids
        self._shown: set[int] = set()

    def read(self, raw: bytes) -> None:
        part = Part.of(raw)
        head = [f"{name}: {value}" for name in _SHOWN if (value := part.value(name))]
        self._output.title = part.value("Subject")
        self._output.add(self._page, "paragraph", "\n".join(head))
        rest = [f"{name}: {value}" for name, value in part.lines if name not in _SHOWN]
        self._output.add(self._page, "paragraph", "\n".join(rest), hidden=METADATA)
        for body in self._bodies(part, depth=0):
            self._output.take(self._page, body.output)

    def _bodies(self, part: Part, *, depth: int) -> list[Body]:
        """Return the texts of a part that a reader sees at once; attach what they would open."""
        self._parts += 1
        if depth > _DEPTH or self._parts > _PARTS:
            self._output.miss("", "too_deep" if depth > _DEPTH else "too_many_files")
            return []
        kind = part.media_type
        self._tell_ambiguous(part, kind)
        if kind.startswith("multipart/") and part.boundary:
            return self._bodies_of(part, kind, depth=depth)
        if part.is_attachment or part.file_name or kind not in {"text/plain", "text/html"}:
            self._attach(part, kind)
            return []
        content = part.content
        if kind == "text/plain":
            content = self._without_files(content)
        return [body_of(kind, decode(content, part.charset), is_flowed=_is_flowed(part), find=self._find)]

    def _tell_ambiguous(self, part: Part, kind: str) -> None:
        """Tell a part that programs read in different ways, or that says how it is written in words that nobody knows."""
        is_undivided = kind.startswith("multipart/") and not part.boundary and bool(part.body.strip())
        if part.is_ambiguous or is_undivided:
            self._output.miss(part.file_name, "damaged")
        elif part.encoding not in KNOWN:
            self._output.miss(part.file_name, "unsupported")
        if part.encoding == "base64":
            self._unseen(beside_base64(part.body))

    def _without_files(self, content: bytes) -> bytes:
        """Hand over the files that stand in a text; return the text."""
        for name, file in uuencoded(content):
            self._output.attach(decode(name), file)
        self._unseen(beside_uuencoded(content))
        for torn in torn_uuencoded(content):
            self._output.miss(decode(torn), "damaged")
        content = without_uuencoded(content)
        if _YENC.search(content):
            self._output.miss("", "unsupported")
        return content

    def _unseen(self, text: bytes) -> None:
        if not text.strip():
            return
        try:
            said = decode(text + b" ")
        except Unreadable:
            said = words(text)
        self._output.add(self._page, "paragraph", said, hidden=METADATA)

    def _find(self, place: str) -> tuple[str, bytes] | None:
        """Return a picture of this mail that a page of it shows (RFC 2392)."""
        part = self._pictures.get(unquote(place[4:]) if place.lower().startswith("cid:") else place)
        if part is None:
            return None
        self._shown.add(id(part))
        return part.file_name or part.media_type.replace("/", "."), part.content

    def _bodies_of(self, part: Part, kind: str, *, depth: int) -> list[Body]:
        beside, children = _divided(part.content, part.boundary)
        if not children:
            if part.body.strip():
                self._output.miss(part.file_name, "damaged")
            return [body_of("text/plain", decode(part.body, part.charset), is_flowed=False)]
        for text in beside:
            self._unseen(text)
        parts = [Part.of(child) for child in children]
        for child in parts:
            head = "\n".join(f"{name}: {value}" for name, value in child.lines)
            self._output.add(self._page, "paragraph", head, hidden=METADATA)
            if child.media_type.startswith("image/"):
                for name in ("Content-ID", "Content-Location"):
                    if value := child.value(name).strip("<> "):
                        self._pictures[value] = child
        if kind == "multipart/encrypted":
            self._output.miss(parts[-1].file_name, "encrypted")
            return []
        found = [body for child in parts for body in self._bodies(child, depth=depth + 1)]
        return chosen(found) if kind == "multipart/alternative" else found

    def _attach(self, part: Part, kind: str) -> None:
        if id(part) in self._shown:
            return
        content = part.content
        if kind in _SIGNATURE and len(content) <= _SIGNATURE_BYTES:
            # A detached signature: certificates, with names in them that are checked.
            self._output.add(self._page, "paragraph", words(content), hidden=METADATA)
            return
        if kind == "application/pkcs7-mime" and b"signed" not in part.value("Content-Type").lower().encode():
            self._output.miss(part.file_name, "encrypted")
            return
        default = f"{kind.partition('/')[0]}.{_SUFFIX.get(kind, kind.rpartition('/')[2])}"
        name = part.file_name or (_subject(content) + ".eml" if kind == "message/rfc822" else default)
        self._output.attach(name, content)


def _subject(content: bytes) -> str:
    return Part.of(content).value("Subject").replace("/", "∕")[:100] or "message"  # a slash would read as a folder


def _is_flowed(part: Part) -> bool:
    return _asked(lambda: str(part.meant.get_param("format", "")).lower()) == "flowed"


def body_of(kind: str, text: str, *, is_flowed: bool, find: html.Find = lambda _place: None) -> Body:
    """Return a body read as what it is written in; `find` finds the pictures that came with it."""
    if kind == "text/html":
        return Body("html", html.read_text(text, find))
    output, page = Output(), Page(None)
    output.pages.append(page)
    paragraphs(_SOFT_BREAK.sub(" ", text) if is_flowed else text, output, page)
    return Body("plain", output)


def chosen(forms: list[Body]) -> list[Body]:
    """Return what a mail program shows of several forms of one text, and what the other forms say besides.

    They should say the same. Where one does not, it is text too: nothing that somebody may read stays unchecked.
    """
    best = next((form for form in reversed(forms) if form.subtype == "html" and form.text), None)
    best = best or next((form for form in forms if form.text), None)
    if best is None:
        return forms
    said = set(best.text.lower().split())
    for form in forms:
        own = form.text.lower().split()
        if form is not best and sum(word in said for word in own) >= _SAME * len(own):
            for page in form.output.pages:
                for block in page.blocks:
                    block.hidden = block.hidden or ALTERNATIVE
    return [best, *(form for form in forms if form is not best)]


def _divided(body: bytes, boundary: bytes) -> tuple[list[bytes], list[bytes]]:
    """Return what stands beside the parts of a multipart body, and the parts."""
    line = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary.rstrip()) + rb"(--)?[ \t]*(?:\r?\n|\Z)")
    beside: list[bytes] = []
    parts: list[bytes] = []
    start, place, is_inside = 0, 0, False
    while match := line.search(body, place):
        (parts if is_inside else beside).append(body[start : match.start()])
        is_inside, start = not match[1], match.end()
        # The line end before the next boundary may be the one of this line.
        place = max(match.end() - 2, match.start() + 2) if match.end() < len(body) else len(body) + 1
    (parts if is_inside else beside).append(body[start:])
    return [text for text in beside if text.strip()], parts
