"""The parts of a request that are no texts."""

import base64
from typing import Any

import pytest

from appliance.gateway.parts import parts_in

PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n\0\0").decode()
PAPER = base64.b64encode(b"%PDF-1.7\n%\xff\xfe").decode()
WORDS = base64.b64encode(b"a,b\n1,2").decode()
NOTHING_KNOWN = base64.b64encode(b"BM\xff\xfe\0\0").decode()


def said(*parts: Any, role: str = "user") -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": role, "content": list(parts)}]}


@pytest.mark.parametrize(
    "body",
    [
        said({"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}}),
        said({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}}),
        said({"type": "image_url", "image_url": {"url": f"data:image/bmp;base64,{NOTHING_KNOWN}"}}),
        said({"type": "input_audio", "input_audio": {"data": WORDS, "format": "wav"}}),
        said({"type": "file", "file": {"file_id": "file-1"}}),
        said({"type": "file", "file": {"filename": "a.png", "file_data": PICTURE}}),
        said({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}}),
        said({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "_no-base64_"}}),
        said({"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}),
        said({"type": "document", "source": {"type": "file", "file_id": "file_1"}}),
        said({"type": "container_upload", "file_id": "file_1"}),
        said({"type": "tool_result", "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}}]}),
        {"model": "m", "input": [{"role": "user", "content": [{"type": "input_image", "image_url": "https://example.org/a.png"}]}]},
        {"model": "m", "input": [{"role": "user", "content": [{"type": "input_file", "file_url": "https://example.org/a.pdf"}]}]},
        {"model": "m", "input": [{"type": "computer_call_output", "output": {"type": "computer_screenshot", "image_url": "https://example.org/a.png"}}]},
        {"model": "m", "input": [{"type": "image_generation_call", "id": "ig", "result": PICTURE}]},
        {"model": "m", "input": "x", "tools": [{"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file-1"]}}]},
        said({"type": "tool_use", "name": "t", "input": {"picture": f"data:image/png;base64,{PICTURE}"}}),
    ],
    ids=str,
)  # fmt: skip
def test_what_nobody_here_can_read_is_told(body: dict[str, Any]) -> None:
    assert [one.document for one in parts_in(body)] == [None]


@pytest.mark.parametrize(
    "part",
    [
        {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PAPER}"}},
        {"type": "input_file", "file_data": PAPER},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PAPER}},
        {"type": "image_url", "image_url": f"data:image/png;base64,{PAPER}"},
    ],
    ids=str,
)  # fmt: skip
def test_a_document_comes_with_its_bytes(part: dict[str, Any]) -> None:
    assert [one.document for one in parts_in(said(part))] == [base64.b64decode(PAPER)]


@pytest.mark.parametrize(
    "paper",
    [
        b"%PDF-1.4\n1 0 obj <</Filter/ASCII85Decode>> stream",
        b"\xff\xfe%PDF-1.7\n%\x80",
        b"\xfe\xffPK\x03\x04word/document.xml PK\x05\x06" + bytes(18),
        b"\xff\xfe{\\rtf1 words}"[2:],
    ],
)
def test_a_paper_that_could_be_read_as_a_text_is_a_document_all_the_same(paper: bytes) -> None:
    part = {"type": "file", "file": {"file_data": f"data:text/plain;base64,{base64.b64encode(paper).decode()}"}}
    assert [one.document for one in parts_in(said(part))] == [paper]


@pytest.mark.parametrize(
    "body",
    [
        said({"type": "text", "text": "See https://example.org/a.png"}),
        said({"type": "file", "file": {"file_data": f"data:text/csv;base64,{WORDS}"}}),
        said({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}}),
        said({"type": "tool_use", "name": "t", "input": {"image_url": "https://example.org/a.png", "file_id": "7", "type": "base64", "data": "x"}}),
        said({"type": "thinking", "thinking": "x", "signature": WORDS}),
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "t", "arguments": '{"file_id": "7"}'}}]}]},
        {"tools": [{"type": "function", "function": {"name": "t", "parameters": {"properties": {"file_id": {"type": "string"}, "image_url": {"default": "x"}}}}}]},
        {"mcp_servers": [{"type": "url", "url": "https://example.org/mcp"}], "metadata": {"file_id": "1"}},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_read_as_a_text_is_no_such_part(body: dict[str, Any]) -> None:
    assert list(parts_in(body)) == []


def test_a_document_that_breaks_off_is_one_that_nobody_reads() -> None:
    part = {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{base64.b64encode(b'%PDF-1.7 and on').decode()}A"}}
    assert [one.document for one in parts_in(said(part))] == [None]
