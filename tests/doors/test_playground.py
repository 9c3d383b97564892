"""The playground: a model answers at the page, under the rules of programs, and the code beside it asks the same."""

import html
import io
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import redirect_stdout

import pytest

from appliance.app import create_app
from appliance.identity import Role
from tests.support.door import Door, door
from tests.support.house import Server
from tests.support.model_host import Reply, said, streamed
from tests.support.site import Browser
from tests.support.upstreams import COMPLETION, MESSAGE, TEXT, chat_bytes, chat_chunks
from tests.support.vendors import check_chat_request, check_messages_request

ASKED = {"model": "openai/gpt-6", "dialect": "chat", "system": "Be “kind”.", "question": "It's\nEND\n\"quoted\" & <b>?",
         "max_tokens": "50", "temperature": "0,5"}  # fmt: skip


@pytest.fixture(scope="module")
def at(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with door(server, tmp_path_factory.mktemp("playground")) as found:
        yield found


@pytest.fixture(scope="module")
def ada(at: Door) -> Browser:
    browser = Browser(create_app(at.house.app))
    browser.signs_in(at.ada)
    return browser


def code_of(page: str, language: str) -> str:
    found = re.search(rf"Copy as {language}</summary><pre[^>]*><code>(.*?)</code>", page, re.DOTALL)
    assert found, language
    return html.unescape(found[1])


def test_a_model_answers_at_the_page_and_the_call_is_on_record(at: Door, ada: Browser) -> None:
    at.upstream.says(said(COMPLETION))
    assert '<option value="openai/">' in ada.gets("/playground").text
    page = ada.posts("/playground", **ASKED)

    assert page.status_code == 200
    assert "".join(TEXT) in html.unescape(page.text)
    assert "100 tokens read, 30 written" in page.text
    (asked,) = at.upstream.asked
    check_chat_request(asked.json)
    assert asked.json["messages"] == [
        {"role": "system", "content": ASKED["system"]}, {"role": "user", "content": ASKED["question"]},
    ]  # fmt: skip
    assert (asked.json["max_tokens"], asked.json["temperature"]) == (50, 0.5)
    call = at.calls()[0]
    assert (call["state"], call["actor_id"], call["token_id"]) == ("completed", at.ada.caller.user_id, None)
    assert str(call["call_id"]) in page.text
    assert at.events()[:2] == ["gateway:call:settled", "gateway:call:admitted"]


@pytest.mark.parametrize(("dialect", "model", "answer"), [("chat", "openai/gpt-6", COMPLETION), ("messages", "anthropic/claude", MESSAGE)])
def test_the_code_beside_the_answer_asks_the_same(
    at: Door, ada: Browser, monkeypatch: pytest.MonkeyPatch, dialect: str, model: str, answer: dict[str, object]
) -> None:
    at.upstream.says(said(answer), said(answer), said(answer))
    page = ada.posts("/playground", **ASKED | {"dialect": dialect, "model": model}).text.replace("http://localhost", at.address)
    monkeypatch.setenv("CLOISTER_KEY", at.key)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    told = io.StringIO()
    with redirect_stdout(told):
        exec(code_of(page, "Python"), {})  # noqa: S102 - what a reader of the page would run
    assert "".join(TEXT) in told.getvalue()
    if shell := shutil.which("sh"):
        sent = subprocess.run([shell, "-c", code_of(page, "curl")], capture_output=True, check=False, env={**os.environ})
        assert "".join(TEXT)[:10].encode() in sent.stdout, sent.stderr
    at_page, by_python, by_curl = at.upstream.asked[-3:]
    assert at_page.json == by_python.json == by_curl.json
    check_messages_request(at_page.json) if dialect == "messages" else check_chat_request(at_page.json)
    assert f'"model": "{model}"' in code_of(page, "JavaScript")


def test_what_is_refused_keeps_the_form_and_sends_nothing(at: Door, ada: Browser) -> None:
    before = len(at.upstream.asked)
    for change, status, shown in (
        ({"model": "elsewhere/gpt"}, 403, "elsewhere/gpt"),
        ({"model": "no such name"}, 404, "no such name"),
        ({"question": "Is 4111 1111 1111 1111 mine?"}, 403, "4111 1111 1111 1111"),
        ({"temperature": "hot"}, 422, "hot"),
        ({"max_tokens": "many"}, 422, "many"),
        ({"dialect": "latin"}, 422, "It&#39;s"),
    ):
        answer = ada.posts("/playground", **ASKED | change)
        assert (answer.status_code, 'id="problem"' in answer.text, shown in answer.text) == (status, True, True), change
    assert len(at.upstream.asked) == before
    assert at.events()[0] == "gateway:call:refused"


def test_a_provider_that_refuses_is_shown_as_such(at: Door, ada: Browser) -> None:
    at.upstream.says(Reply(b'{"error": {"message": "No such <model>.", "type": "invalid_request_error"}}', status=400))
    page = ada.posts("/playground", **ASKED)
    assert page.status_code == 200
    assert "The provider refuses" in page.text
    assert "No such &lt;model&gt;." in page.text


def test_a_provider_that_streams_unasked_is_an_error_of_its_own(at: Door, ada: Browser) -> None:
    at.upstream.says(streamed(chat_bytes(chat_chunks())))
    page = ada.posts("/playground", **ASKED)
    assert 500 < page.status_code < 504
    assert 'id="problem"' in page.text


def test_it_is_for_who_may_call_models(at: Door) -> None:
    auditor = Browser(create_app(at.house.app))
    auditor.signs_in(at.ada.adds("rita@harrow.example", Role.AUDITOR))
    assert auditor.gets("/playground").status_code == 403
    assert auditor.posts("/playground", **ASKED).status_code == 403
    bo = Browser(create_app(at.house.app))
    bo.signs_in(at.bo)
    assert "openai/" not in bo.gets("/playground").text
    assert "No model is allowed yet" in bo.gets("/playground").text
    assert bo.posts("/playground", **ASKED).status_code == 403, "another organisation allows nothing"
