"""What an answer cites, as it is kept and shown."""

from collections.abc import Iterator, Sequence

from appliance import knowledge
from appliance.chat.screening import Way
from appliance.chat.values import Citation
from appliance.gateway import Cited
from appliance.knowledge import Context


def citations_of(way: Way, cited: Cited, contexts: Sequence[Context]) -> Iterator[Citation]:
    """Yield where a quote stands: in the passage, and in those that repeat it, with numbers behind the passages'."""
    context = contexts[cited.number - 1]
    place = way.quote(cited, context.text)
    quote = context.text[place.start : place.end]
    yield _citation(cited.number, context.source(place.start), place.shown)
    number = len(contexts) + sum(len(earlier.passage.twins) for earlier in contexts[: cited.number - 1])
    for twin in context.passage.twins:
        number += 1
        if quote in twin.body:
            yield _citation(number, twin, place.shown)


def _citation(number: int, passage: knowledge.Passage, quote: str) -> Citation:
    return Citation(
        number=number,
        document_id=passage.document_id,
        chunk_id=passage.chunk_id,
        title=passage.title,
        heading=passage.heading,
        page_from=passage.page_from,
        page_to=passage.page_to,
        quote=quote,
    )
