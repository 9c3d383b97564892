"""Files that programs send along with a call, under an organisation's policy on data, at the vendors' own clients."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

from appliance.dlp import Action, Category, Direction, PolicyRule
from appliance.dlp.templates import TEMPLATES
from appliance.kernel.ids import new_id
from tests.support import papers
from tests.support.door import Door, door
from tests.support.house import Server
from tests.support.model_host import said
from tests.support.policies import put_in_force
from tests.support.upstreams import COMPLETION, MESSAGE

MAIL, CARD = "anna.schmidt@example.org", "4111 1111 1111 1111"
PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n\0\0").decode()


@pytest.fixture(scope="module")
def at(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with door(server, tmp_path_factory.mktemp("files")) as found:
        yield found


@pytest.fixture(scope="module")
def paper() -> str:
    made = papers.pdf(lambda canvas: canvas.drawString(72, 700, f"Please write to {MAIL} about the harvest."))
    return base64.b64encode(made).decode()


def says(at: Door, action: Action, *categories: Category) -> None:
    put_in_force(at.house, at.ada.tenant_id, [PolicyRule(new_id(), action, frozenset(categories), directions=frozenset({Direction.PROMPT}))])


def chats(at: Door, *parts: dict[str, Any]) -> Any:
    at.upstream.says(said(COMPLETION))
    messages = [{"role": "user", "content": [{"type": "text", "text": "See"}, *parts]}]
    return at.openai().chat.completions.with_raw_response.create(model="openai/gpt-6", messages=messages)


def messages(at: Door, *parts: dict[str, Any]) -> Any:
    at.upstream.says(said(MESSAGE))
    return at.anthropic().messages.create(model="anthropic/claude-opus-5", max_tokens=9, messages=[{"role": "user", "content": list(parts)}])


def a_paper(paper: str) -> dict[str, Any]:
    return {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{paper}"}}


def test_a_picture_is_stopped_where_the_policy_says_so_at_each_address_and_in_each_dialect(at: Door) -> None:
    says(at, Action.BLOCK, Category.UNREADABLE)
    with pytest.raises(openai.APIStatusError, match="part that cannot be read, by the rule Rule 1"):
        chats(at, {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}})
    with pytest.raises(openai.APIStatusError, match="part that cannot be read"):
        at.openai().responses.create(model="openai/gpt-6", input=[{"role": "user", "content": [{"type": "input_image", "image_url": f"data:image/png;base64,{PICTURE}", "detail": "low"}]}])
    source = {"type": "base64", "media_type": "image/png", "data": PICTURE}
    with pytest.raises(anthropic.APIStatusError, match="part that cannot be read"):
        messages(at, {"type": "image", "source": source})
    with pytest.raises(anthropic.APIStatusError, match="part that cannot be read"):
        at.anthropic().messages.count_tokens(model="anthropic/claude-opus-5", messages=[{"role": "user", "content": [{"type": "image", "source": source}]}])
    assert not at.upstream.asked


def test_a_picture_goes_on_where_nothing_is_said_of_it_and_a_warning_is_told(at: Door) -> None:
    part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}}
    says(at, Action.BLOCK, Category.EMAIL)
    assert "cloister-data-warning" not in chats(at, part).headers
    says(at, Action.WARN, Category.UNREADABLE)
    assert chats(at, part).headers["cloister-data-warning"] == "part%20that%20cannot%20be%20read;count=1"
    assert "warn:UNREADABLE=1" in at.calls()[0]["verdicts"]
    says(at, Action.REDACT, Category.UNREADABLE)
    with pytest.raises(openai.APIStatusError, match="part that cannot be read"):
        chats(at, part)


def test_a_paper_is_read_and_goes_on_as_it_came_or_not_at_all(at: Door, paper: str) -> None:
    says(at, Action.BLOCK, Category.UNREADABLE)
    chats(at, a_paper(paper))
    assert paper in json.dumps(at.upstream.asked[-1].json)

    says(at, Action.REDACT, Category.EMAIL)
    with pytest.raises(openai.APIStatusError, match="e-mail address in a file, by the rule Rule 1") as refused:
        chats(at, a_paper(paper))
    assert refused.value.code == "data_refused"
    with pytest.raises(anthropic.APIStatusError, match="e-mail address in a file"):
        messages(at, {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": paper}})
    assert not at.upstream.asked

    says(at, Action.WARN, Category.EMAIL)
    assert chats(at, a_paper(paper)).headers["cloister-data-warning"] == "e-mail%20address;count=1"
    assert MAIL not in str(at.calls())


def test_a_paper_that_nobody_can_read_and_a_card_within_one(at: Door, paper: str) -> None:
    says(at, Action.BLOCK, Category.UNREADABLE)
    with pytest.raises(openai.APIStatusError, match="part that cannot be read"):
        chats(at, a_paper(base64.b64encode(b"%PDF-1.7\nnothing of it").decode()))
    with pytest.raises(openai.APIStatusError, match="payment card number in a file"):
        chats(at, a_paper(base64.b64encode(papers.word([f"Card {CARD}, to be charged today."])).decode()))


@pytest.mark.parametrize("code", ["gdpr", "hipaa", "pci"])
def test_templates_stop_what_cannot_be_read_on_its_way_to_a_provider(at: Door, code: str) -> None:
    made = next(one for one in TEMPLATES if one.code == code)
    written = [one.rule for one in made.rules if Category.UNREADABLE in one.rule.categories]
    put_in_force(at.house, at.ada.tenant_id, written)
    with pytest.raises(openai.APIStatusError, match="part that cannot be read"):
        chats(at, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}})
