"""What a request asks for, as rules judge it."""

import json
from typing import Any

import pytest

from appliance.gateway import Endpoint
from appliance.gateway.requests import parse
from appliance.gateway.rules import asked_of, labels_said


def tools_of(endpoint: Endpoint = Endpoint.CHAT_COMPLETIONS, **body: Any) -> tuple[str, ...]:
    return asked_of(endpoint, "m", parse(json.dumps(body).encode()), {}).tools


@pytest.mark.parametrize(
    ("header", "labels"),
    [
        ("", []), ("phi", ["phi"]), (" phi ,, a  b , phi", ["phi", "a b"]), ("Ärzte", ["Ärzte"]),
        ("Ärzte".encode().decode("latin-1"), ["Ärzte"]), (",", []), ("漢", ["漢"]),
    ],
)  # fmt: skip
def test_labels_are_read_from_the_header_whatever_a_client_writes_them_in(header: str, labels: list[str]) -> None:
    assert labels_said(header) == labels


@pytest.mark.parametrize(
    ("tools", "named"),
    [
        ([{"type": "function", "function": {"name": "a"}}], ("a",)),
        ([{"type": "custom", "custom": {"name": "a"}}], ("a",)),
        ([{"name": "a", "input_schema": {}}], ("a",)),
        ([{"type": "function", "name": "a"}], ("a",)),
        ([{"type": "web_search_20250305", "name": "web_search"}], ("type:web_search_20250305",)),
        ([{"type": "mcp", "server_label": "x", "name": "a"}], ("type:mcp",)),
        ([{"type": "namespace", "name": "n", "tools": [{"type": "function", "name": "a"}, {"type": "shell"}]}], ("a", "type:shell")),
        ([{}, 7, None, "web_search", {"type": 5}, {"type": "function"}, {"function": {"name": 5}}], ("type:unknown",)),
        ({"type": "web_search"}, ("type:unknown",)),
    ],
)  # fmt: skip
def test_tools_are_named(tools: Any, named: tuple[str, ...]) -> None:
    assert tools_of(tools=tools) == named


def test_tools_are_found_in_fields_of_their_own() -> None:
    assert tools_of(functions=[{"name": "a"}], web_search_options={"x": 1}) == ("a", "type:web_search_options")
    assert tools_of(Endpoint.MESSAGES, container={"skills": [{"skill_id": "xlsx"}]}) == ("type:container",)
    found = [{"type": "message"}, {"type": "tool_search_output", "tools": [{"type": "function", "name": "a"}]}, "x"]
    assert tools_of(Endpoint.RESPONSES, input=found) == ("a",)
    assert tools_of(functions="x", input="x", tools=None) == ("type:unknown",)
    assert tools_of(functions=[5, {"name": "a"}], tools=[]) == ("type:unknown", "a")


@pytest.mark.parametrize(
    ("endpoint", "body", "bound"),
    [
        (Endpoint.CHAT_COMPLETIONS, {}, None),
        (Endpoint.CHAT_COMPLETIONS, {"max_tokens": 5, "max_completion_tokens": 7}, 7),
        (Endpoint.CHAT_COMPLETIONS, {"max_tokens": 5, "n": 3}, 15),
        (Endpoint.RESPONSES, {"max_output_tokens": 9}, 9),
        (Endpoint.MESSAGES, {"max_tokens": 0}, None),
        (Endpoint.EMBEDDINGS, {"max_tokens": 5}, -1),
        (Endpoint.COUNT_TOKENS, {}, -1),
    ],
)
def test_the_bound_is_the_widest_that_a_provider_may_obey(endpoint: Endpoint, body: dict[str, int], bound: int | None) -> None:
    assert asked_of(endpoint, "m", parse(json.dumps(body).encode()), {}).answer_tokens == bound
