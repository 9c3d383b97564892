"""What is changed of a request's text, and what of it a provider would have from a call before."""

from typing import Any

import pytest

from appliance.gateway.passing import kept_there
from appliance.gateway.requests import parse


def test_it_changes_one_span_and_no_other_sign() -> None:
    parsed = parse(b'{"stream_options" : {"include_obfuscation":false} , "a":1}')
    assert parsed.with_inner("stream_options", "include_usage", value=True).text == (
        '{"stream_options" : {"include_obfuscation":false,"include_usage": true} , "a":1}'.replace(": true", ":true")
    )


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ({"type": "file", "file": {"file_id": "file-1"}}, "file_id"),
        ({"type": "image", "source": {"type": "file", "file_id": "file-1"}}, "file_id"),
        ({"type": "code_interpreter", "container": "cntr_1"}, "container"),
        ({"type": "file_search", "vector_store_ids": ["vs_1"]}, "vector_store_ids"),
        ({"type": "tool_use", "input": {"file_id": "ours"}}, None),
        ({"type": "function", "parameters": {"properties": {"file_id": {"type": "string"}}}}, None),
    ],
)
def test_behind_a_shared_key_nothing_is_asked_for_that_others_may_have_left(content: Any, name: str | None) -> None:
    assert kept_there({"messages": [{"role": "user", "content": [content]}]}) == name
