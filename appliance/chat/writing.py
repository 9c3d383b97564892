"""An answer of a model that writes, as it comes: what is asked, and what may be shown of it."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from appliance import dlp
from appliance.chat.asking import Asked
from appliance.chat.grounding import Grounding
from appliance.gateway import ChatRequest, Delta, Finish, Item
from appliance.gateway.prompting import NOTHING


@dataclass(frozen=True)
class Answering:
    """A question on its way: what the model is given, and what its answer is measured by."""

    asked: Asked
    request: ChatRequest

    @cached_property
    def grounding(self) -> Grounding:
        """What reads the answer: by the passages as they were sent."""
        return Grounding(self.request.passages, is_strict=self.asked.chatbot.is_grounded)


def grounded(stream: Generator[Item, None, None], grounding: Grounding) -> Iterator[Item]:
    """Yield what may be shown of an answer, and what it cites; that nothing was found where nothing may. Closes the stream."""
    try:
        for item in stream:
            if isinstance(item, Delta):
                yield from grounding.feed(item.text)
            elif isinstance(item, Finish):
                yield from grounding.close()
                if grounding.is_answered:
                    yield item
                else:
                    yield from nothing_found(item)
    finally:
        stream.close()


def nothing_found(used: Finish | None = None) -> Iterator[Item]:
    """Yield the answer that there is none."""
    yield Delta(NOTHING)
    yield replace(used, outcome="abstained") if used else Finish("abstained", 0, 0)


def without_stopped(request: ChatRequest) -> ChatRequest:
    """Return a request without the passages that hold what no text may take out of this host, under any policy."""
    return replace(request, passages=tuple(one for one in request.passages if not dlp.stopped(f"{one.title}\n{one.text}")))
