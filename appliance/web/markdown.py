"""A model's Markdown as HTML that can do no harm.

Trusted: this module. Not trusted: every character of an answer, since it may repeat a hostile document. The renderer
takes no HTML and knows no images; links lead to our own pages or to hosts that the organisation named, and every
other address is shown as text, so that nothing is fetched and nobody is led away. nh3 then cleans the result by the
same rules once more: a mistake in one of the two is caught by the other.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markupsafe import Markup

_MARK = re.compile(r"\[(\d{1,3})\]")
# As pandoc has it: "$5 or $6" is money, "$x$" is a formula.
_MATH = re.compile(
    r"\$\$.{1,2000}?\$\$|\$(?=\S)[^$\n]{1,500}(?<=\S)\$(?!\d)|\\\(.{1,2000}?\\\)|\\\[.{1,2000}?\\\]", re.DOTALL
)
# By shape and not by a URL parser: browsers and parsers disagree on everything that is not exactly this.
_HTTPS = re.compile(r"https://([a-z0-9.-]{1,253})(?::443)?(?:[/?#][^\s\\\x00-\x1f]*)?", re.IGNORECASE)
_OWN = re.compile(r"/(?![/\\])[^\s\\\x00-\x1f]*|#source-[0-9a-f-]{1,64}")
_TAGS = {
    "a",
    "blockquote",
    "br",
    "code",
    "del",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "li",
    "ol",
    "p",
    "pre",
    "s",
    "strong",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "ul",
}
_ATTRIBUTES = {"a": {"href", "class", "aria-label"}, "ol": {"start"}}


def render(text: str, marks: Mapping[int, tuple[str, str]], link_hosts: Collection[str]) -> Markup:
    """Return Markdown as clean HTML. `marks` maps n of [n] to the address and the label of its link."""
    tokens = _PARSER.parse(text)
    for token in tokens:
        if token.children:
            token.children = list(_inline(token.children, marks, link_hosts))
    html = _PARSER.renderer.render(tokens, _PARSER.options, {})

    def keep(tag: str, attribute: str, value: str) -> str | None:
        if attribute == "href":
            return value if is_allowed(value, link_hosts) else None
        return value if (tag, attribute) != ("a", "class") or value == "mark" else None

    return Markup(  # noqa: S704 - nh3 has just cleaned it
        nh3.clean(
            html,
            tags=_TAGS,
            attributes=_ATTRIBUTES,
            attribute_filter=keep,
            url_schemes={"https"},
            link_rel="noopener noreferrer",
        )
    )


def is_allowed(address: str, link_hosts: Collection[str]) -> bool:
    """Say whether an answer may link there: to a page of our own, or by https to a host the organisation named."""
    if _OWN.fullmatch(address):
        return True
    found = _HTTPS.fullmatch(address)
    return found is not None and found[1].lower() in link_hosts


def _inline(tokens: Sequence[Token], marks: Mapping[int, tuple[str, str]], hosts: Collection[str]) -> Iterator[Token]:
    depth, shut, said = 0, "", ""
    for token in tokens:
        if token.type == "link_open":
            depth, said = depth + 1, ""
            href = str(token.attrGet("href") or "")
            shut = "" if is_allowed(href, hosts) else href
            if not shut:
                token.attrs = {"href": href}
                yield token
        elif token.type == "link_close":
            depth -= 1
            # An address that is its own text is not said twice.
            yield (_text("" if said == shut else f" ({shut})") if shut else token)
        elif token.type == "image":
            source = token.attrGet("src")
            yield _text(f"{token.content} ({source})" if token.content else f"({source})")
        elif token.type == "text" and not depth:
            yield from _marked(token.content, marks)
        else:
            said += token.content
            yield token


def _marked(text: str, marks: Mapping[int, tuple[str, str]]) -> Iterator[Token]:
    end = 0
    for found in _MARK.finditer(text):
        number = int(found[1])
        if number not in marks:
            continue
        address, label = marks[number]
        yield _text(text[end : found.start()])
        yield Token("link_open", "a", 1, attrs={"class": "mark", "href": address, "aria-label": label})
        yield _text(str(number))
        yield Token("link_close", "a", -1)
        end = found.end()
    yield _text(text[end:])


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)


def _math(state: StateInline, silent: bool) -> bool:  # the parser calls it by position
    """Leave a formula as it was written: its _ and * are not emphasis."""
    if state.src[state.pos] not in "$\\":
        return False
    found = _MATH.match(state.src, state.pos)
    if found is None or found.end() > state.posMax:
        return False
    if not silent:
        state.push("math", "", 0).content = found[0]
    state.pos = found.end()
    return True


def _render_math(_renderer: Any, tokens: Sequence[Token], index: int, _options: Any, _env: Any) -> str:
    return escapeHtml(tokens[index].content)


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    # Without references no line of an answer can turn the mark [1] into a link of its own.
    parser.disable(["reference", "html_block", "html_inline"])
    parser.inline.ruler.before("escape", "math", _math)
    parser.add_render_rule("math", _render_math)
    return parser


_PARSER = _parser()
