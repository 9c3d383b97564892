"""An answer as server-sent events (WHATWG HTML 9.2), each with a JSON object."""

from collections.abc import Generator, Iterator

from flask import g, has_request_context
from pydantic import BaseModel

from appliance.chat import Answered, Cites, Message, Says, Step
from appliance.kernel.errors import Refusal
from appliance.kernel.log import logger
from appliance.kernel.problems import fault, problem

log = logger("api")


def answered(
    question: BaseModel, steps: Generator[Step, None, None], *, message: type[BaseModel], citation: type[BaseModel]
) -> Iterator[str]:
    """Return the events of an answer; what goes wrong under way is the event `refused`, a problem document."""
    return _events(question, steps, message, citation, g.request_id if has_request_context() else "")


def _events(
    question: BaseModel, steps: Generator[Step, None, None], message: type[BaseModel], citation: type[BaseModel],
    request_id: str,
) -> Iterator[str]:  # fmt: skip
    yield _event("question", question.model_dump_json())
    try:
        for step in steps:
            match step:
                case Says(text):
                    yield _event("delta", _Delta(text=text).model_dump_json())
                case Cites(found):
                    yield _event("citation", citation.model_validate(found).model_dump_json())
                case Answered(said):
                    yield _event("done", _as(message, said))
    except Refusal as refusal:
        yield _event("refused", _Problem.model_validate(problem(refusal, request_id=request_id)).model_dump_json())
    except Exception:
        # The status line is long gone; the stream itself says that it broke.
        log.exception("answer_failed", request_id=request_id)
        broken = fault(500, "The answer broke off. Ask again.", request_id=request_id)
        yield _event("refused", _Problem.model_validate(broken).model_dump_json())
    finally:
        steps.close()


class _Delta(BaseModel):
    text: str


class _Problem(BaseModel, extra="allow"):
    """RFC 9457."""


def _as(model: type[BaseModel], said: Message) -> str:
    return model.model_validate(said).model_dump_json()


def _event(name: str, data: str) -> str:
    return f"event: {name}\ndata: {data}\n\n"
