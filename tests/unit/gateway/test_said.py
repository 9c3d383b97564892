"""The texts of a request, and others in their places."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from appliance import dlp
from appliance.gateway.dialects import write_json
from appliance.gateway.errors import RequestMalformed
from appliance.gateway.requests import parse, texts
from appliance.gateway.said import said_in, with_others

FILE = "data:text/csv;base64," + base64.b64encode(b"a,b\n1,2").decode()
NAMES = ("content", "arguments", "type", "data", "media_type", "text", "a b")
KEYS = some.sampled_from(NAMES)
TEXTS = some.sampled_from(["x", "", FILE, '{"to": "you", "n": [1, 2.5, "x"]}', "{broken", "base64", "text/plain", "aGVsbG8=", "data:image/png;base64,aGVsbG8="]) | some.text(max_size=9)
VALUES = some.recursive(
    some.none() | some.booleans() | some.integers(-(2**53), 2**53) | TEXTS,
    lambda one: some.lists(one, max_size=4) | some.dictionaries(KEYS, one, max_size=4),
)  # fmt: skip
BODIES = some.dictionaries(some.sampled_from(["model", "messages", "input", "tools"]), VALUES, max_size=4)


@settings(max_examples=50, deadline=None)
@given(BODIES)
def test_the_same_texts_are_the_same_bytes(body: dict[str, object]) -> None:
    parsed = parse(json.dumps(body, indent=2).encode())

    assert with_others(parsed, said_in(parsed.body)).content == parsed.content


@settings(max_examples=50, deadline=None)
@given(BODIES)
def test_each_text_has_a_place_of_its_own(body: dict[str, object]) -> None:
    parsed = parse(write_json(body))
    names = {*body, *NAMES, "base64", "text/plain"}
    others = [one if one in names else f"<{number}>" for number, one in enumerate(said_in(parsed.body))]

    told = list(said_in(with_others(parsed, iter(others)).body))

    assert told == others


def test_texts_within_files_and_arguments_are_replaced_there() -> None:
    source = {"type": "base64", "media_type": "text/plain", "data": base64.b64encode("Grüße".encode()).decode()}
    picture = source | {"media_type": "image/png", "data": base64.b64encode(b"\x89PNG\r\n\x1a\n\0\0").decode()}
    parsed = parse(write_json({"messages": [{"source": source}, {"source": picture}, {"arguments": '{"n": 12}', "file_data": FILE}]}))
    told = with_others(parsed, ({"Grüße": "Hallo", "12": "[N]", "a,b\n1,2": "a,b\n3,4"}.get(one, one) for one in said_in(parsed.body))).body["messages"]

    assert base64.b64decode(told[0]["source"]["data"]) == b"Hallo"
    assert told[1]["source"] == picture
    assert json.loads(told[2]["arguments"]) == {"n": "[N]"}
    assert base64.b64decode(told[2]["file_data"].partition(",")[2]) == b"a,b\n3,4"


CARD = "4539 1488 0343 6467"
ROW = f"Müller; {CARD}"


def _url(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


@pytest.mark.parametrize(
    "asked",
    [
        {"content": f"data:image/png;base64, {CARD}"},
        {"content": f"data:image/png;base64,{CARD.replace(' ', '')}"},
        {"url": f"data:image/png;base64,Card {CARD}"},
        {"input": {"type": "base64", "data": f"Card {CARD}"}},
        {"input": {"type": "base64", "data": {"card": CARD}}},
        {"file_data": _url("text/csv", ROW.encode("latin-1"))},
        {"file_data": _url("text/csv", ROW.encode("utf-16"))},
        {"file_data": _url("text/plain", b"\xff\xfe" + ROW.encode())},
        {"file_data": _url("text/plain", b"ID3 \xff" + ROW.encode())},
        {"file_data": _url("application/octet-stream", b"GIF8 is no picture: " + ROW.encode())},
        {"file_data": _url("application/octet-stream", ROW.encode())},
        {"file_data": _url("", ROW.encode())},
        {"source": {"type": "base64", "media_type": "text/plain; charset=utf-8", "data": base64.b64encode(ROW.encode()).decode()}},
    ],
    ids=str,
)  # fmt: skip
def test_a_text_that_is_called_a_file_is_looked_at(asked: dict[str, object]) -> None:
    parsed = parse(write_json({"messages": [asked]}))

    for said in (list(texts(parsed.body)), list(said_in(parsed.body))):
        assert [one.category for text in said for one in dlp.stopped(text)] == [dlp.Category.PAYMENT_CARD]
    assert with_others(parsed, said_in(parsed.body)).content == parsed.content
    gone = (text[: found[0].start] + "[CARD]" + text[found[0].end :] if (found := dlp.stopped(text)) else text for text in said_in(parsed.body))
    told = with_others(parsed, gone)
    assert not [one for text in said_in(told.body) for one in dlp.stopped(text)]


def test_arguments_in_which_a_name_comes_twice_are_looked_at_as_they_stand() -> None:
    parsed = parse(write_json({"messages": [{"arguments": '{"to": "anna@harrow.example", "to": "nobody"}'}]}))

    assert any("anna@harrow.example" in one for one in said_in(parsed.body))


def test_a_member_whose_name_would_have_to_be_replaced_is_not_sent() -> None:
    parsed = parse(write_json({"model": "m", "anna@harrow.example": 1, "user": "x"}))

    assert with_others(parsed, ("[TERM]" if one == "user" else one for one in said_in(parsed.body))).content == parsed.content
    with pytest.raises(RequestMalformed):
        with_others(parsed, (one.replace("anna@harrow.example", "[EMAIL]") for one in said_in(parsed.body)))
