"""Trying a model as a program would ask it, and the code of a program that asks the same.

What is asked passes the gate with the person who is signed in: the same policy, hooks, budget and record. Nothing of it
is kept but that record.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from flask import Blueprint, g, request
from werkzeug.wrappers import Response

from appliance import gateway, identity
from appliance.gateway import Answering, Asking, ClientGone, Endpoint
from appliance.gateway.dialects import AnswerUnreadable
from appliance.identity import Permission
from appliance.identity.errors import StepUpRequired
from appliance.kernel.egress import Cancel
from appliance.kernel.errors import Invalid, Kind, Refusal
from appliance.web import forms
from appliance.web.render import page
from appliance.web.samples import Sample, samples
from appliance.web.sessions import caller, services

blueprint = Blueprint("playground", __name__, url_prefix="/playground")
Answer = tuple[str, int] | Response
_LONGEST: Final = 120
"""Seconds that somebody at a page waits for a model."""
_MOST_ANSWER, _LOWEST_FAULT, _WARMEST = 1000, 400, 2


class AnswerLate(Refusal):
    """The model has not answered within {seconds} seconds. Ask for a shorter answer, or ask it from a program."""

    kind = Kind.UNAVAILABLE
    code = "answer_late"


class TemperatureMalformed(Invalid):
    """Write the temperature as a number from 0 to 2, such as 0.7, or leave it empty."""

    code = "temperature_malformed"


class Dialect(StrEnum):
    """How the model is asked."""

    CHAT = "chat"
    MESSAGES = "messages"

    @property
    def endpoint(self) -> Endpoint:
        """The address that speaks it."""
        return Endpoint.MESSAGES if self is Dialect.MESSAGES else Endpoint.CHAT_COMPLETIONS


@dataclass(frozen=True)
class Told:
    """What came of it: the text of an answer, or the words of a provider that refuses."""

    text: str
    raw: str
    call: str
    model: str
    read: int | None
    written: int | None
    is_good: bool


@blueprint.get("")
def show() -> Answer:
    """Show the form."""
    return _page()


@blueprint.post("")
def ask() -> Answer:
    """Ask the model, and show what it answers beside the code that asks the same."""
    try:
        dialect = forms.choice(Dialect, "dialect")
        body = _body(dialect)
        told = _told(_answer(dialect, body))
    except StepUpRequired:
        raise
    except Refusal as refusal:
        return _page(refusal)
    return _page(told=told, code=samples(dialect.endpoint, body, address=_address()))


def _body(dialect: Dialect) -> dict[str, Any]:
    """Return the request that the form says. Raises NotANumber, TemperatureMalformed."""
    system, question = forms.field("system").strip(), forms.field("question")
    messages: list[dict[str, str]] = [{"role": "user", "content": question}]
    body: dict[str, Any] = {"model": forms.field("model").strip(), "max_tokens": forms.whole_number("max_tokens")}
    if system and dialect is Dialect.MESSAGES:
        body["system"] = system
    elif system:
        messages.insert(0, {"role": "system", "content": system})
    if warm := forms.field("temperature").strip():
        body["temperature"] = _temperature(warm)
    return body | {"messages": messages}


def _temperature(written: str) -> float:
    try:
        found = float(written.replace(",", "."))
    except ValueError:
        raise TemperatureMalformed from None
    if not 0 <= found <= _WARMEST:
        raise TemperatureMalformed
    return found


def _answer(dialect: Dialect, body: dict[str, Any]) -> Answering:
    written = json.dumps(body, ensure_ascii=False).encode()
    asking = Asking({}, request.remote_addr or "", g.request_id, lambda: written)
    with _patience() as cancel:
        try:
            return services().gate.ask(dialect.endpoint, asking, caller(), cancel=cancel)
        except ClientGone:  # the time is up: nobody else pulls it
            raise AnswerLate(seconds=_LONGEST) from None


@contextmanager
def _patience() -> Iterator[Cancel]:
    cancel = Cancel()
    timer = threading.Timer(_LONGEST, cancel.now)
    timer.daemon = True
    timer.start()
    try:
        yield cancel
    finally:
        timer.cancel()


def _told(answer: Answering) -> Told:
    raw = answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)
    try:
        said = json.loads(raw)
    except ValueError:  # a provider streams although nobody asked for it
        raise AnswerUnreadable("it is no JSON object") from None
    used = said.get("usage") or {}
    return Told(
        text=_text(said),
        raw=json.dumps(said, ensure_ascii=False, indent=2),
        call=answer.headers.get("Cloister-Call", ""),
        model=answer.headers.get("Cloister-Model", ""),
        read=used.get("prompt_tokens", used.get("input_tokens")),
        written=used.get("completion_tokens", used.get("output_tokens")),
        is_good=answer.status < _LOWEST_FAULT,
    )


def _text(said: dict[str, Any]) -> str:
    """Return the words of an answer of either dialect, or of an error; a call of a tool has none."""
    match said:
        case {"choices": [{"message": {"content": str(text)}}, *_]} | {"error": {"message": str(text)}}:
            return text
        case {"content": [*blocks]}:
            return "\n\n".join(one["text"] for one in blocks if isinstance(one, dict) and one.get("type") == "text")
    return ""


def _page(refusal: Refusal | None = None, *, told: Told | None = None, code: list[Sample] | None = None) -> Answer:
    person = caller()
    identity.require(person, Permission.MODEL_CALL)
    with services().db.tenant(person.tenant_id) as tx:
        names = gateway.callable_names(tx, person)
    return page(
        "playground/page.html", refusal=refusal, names=names, told=told, code=code or [], form=request.form,
        dialects=list(Dialect), most=_MOST_ANSWER,
    )  # fmt: skip


def _address() -> str:
    return services().settings.public_url or request.host_url.rstrip("/")
