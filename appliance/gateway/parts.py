"""The parts of a request that are no texts: pictures, documents, sound, and files that the provider would fetch, or has in its store.

A document is told with its bytes, so that it can be read; of all others nobody here can say what they hold. What a model reads as
a text, such as the input of a tool, names no file by its address; bytes of a file it may hold all the same.

OpenAI: https://platform.openai.com/docs/api-reference/chat/create, https://platform.openai.com/docs/api-reference/responses/create.
Anthropic: https://platform.claude.com/docs/en/build-with-claude/files, https://platform.claude.com/docs/en/build-with-claude/pdf-support.
"""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from appliance.gateway.attached import begins_like_a_file, file_in, text_of
from appliance.gateway.said import arguments_in

_ADDRESSES: Final = frozenset({"image_url", "file_url", "video_url", "audio_url"})
_STORED: Final = frozenset({"file_id", "file_ids"})
_TOLD: Final = frozenset({"parameters", "input_schema", "metadata", "response_format"})
_TOOL_USES: Final = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
# PDF, ZIP and office files, older office files: what the confined parser of uploads reads.
_DOCUMENTS: Final = (b"%PDF", b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_NEAR_THE_BEGINNING: Final = 1_024
_ARCHIVE_ENDS, _LONGEST_END = b"PK\x05\x06", 22 + 65_535


@dataclass(frozen=True)
class Part:
    """A part that is no text: the bytes of a document, or None for what nobody here reads."""

    document: bytes | None = field(default=None, repr=False)


_UNREAD: Final = Part()


def parts_in(body: Mapping[str, Any]) -> Iterator[Part]:
    """Yield the parts of a request that are no texts, in order."""
    for name, value in body.items():
        yield from _parts(value, name, is_told=name in _TOLD)


def _parts(value: Any, name: str, *, is_told: bool) -> Iterator[Part]:
    if isinstance(value, str):
        yield from _in_text(value, name, is_told=is_told)
    elif isinstance(value, list):
        for one in value:
            yield from _parts(one, name, is_told=is_told)
    elif isinstance(value, Mapping):
        yield from _in_object(value, name, is_told=is_told)


def _in_object(value: Mapping[str, Any], name: str, *, is_told: bool) -> Iterator[Part]:
    kind = str(value.get("type"))
    for inner, one in value.items():
        said = isinstance(one, str)
        if kind == "base64" and inner == "data" and said:
            yield from _in_file(str(value.get("media_type")), one, is_told=is_told)
        elif not is_told and said and _is_unread(kind, name, inner):
            yield _UNREAD
        elif inner == "url" and name in _ADDRESSES:
            yield from _parts(one, name, is_told=is_told)
        else:
            yield from _parts(one, inner, is_told=is_told or inner in _TOLD or (kind in _TOOL_USES and inner == "input"))


def _is_unread(kind: str, name: str, inner: str) -> bool:
    """Say whether a member stands for a file: sound, a picture that was made before, or one that the provider fetches."""
    return (
        (name == "input_audio" and inner == "data")
        or (kind == "image_generation_call" and inner == "result")
        or (name == "source" and kind == "url" and inner == "url")
    )


def _in_text(value: str, name: str, *, is_told: bool) -> Iterator[Part]:
    if (arguments := arguments_in(value, name)) is not None:
        yield from _parts(arguments, "", is_told=True)
    elif found := file_in(value, name):
        yield from _in_file(found["kind"], found["said"], is_told=is_told)
    elif not is_told and name == "file_data":
        yield from _in_file("", value, is_told=is_told)
    elif not is_told and name in _ADDRESSES | _STORED:
        yield _UNREAD


def _in_file(kind: str, said: str, *, is_told: bool) -> Iterator[Part]:
    try:
        text = text_of(kind, said)
    except UnicodeDecodeError:
        yield _UNREAD  # a file of a kind that nobody here knows
        return
    except ValueError:
        if not is_told:
            yield _UNREAD  # it is called a file, and the provider may be able to read it
        return
    try:
        raw = base64.b64decode("".join(said.split()).rstrip("=") + "==")
    except ValueError:  # it begins like a file, and breaks off
        yield _UNREAD
        return
    if _is_document(raw, is_text=text is not None):
        yield Part(raw)
    elif text is None or (begins_like_a_file(raw) and not raw.isascii()):
        yield _UNREAD


def _is_document(raw: bytes, *, is_text: bool) -> bool:
    """Say whether bytes are a document, also where they can be read as a text: readers of documents pass over what stands before them."""
    if raw.startswith(_DOCUMENTS):
        return True
    is_paper = b"%PDF-" in raw[: _NEAR_THE_BEGINNING + len(b"%PDF-")] or raw.lstrip().startswith(b"{\\rtf")
    return is_text and (is_paper or _ARCHIVE_ENDS in raw[-_LONGEST_END:])
