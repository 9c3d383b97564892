from dataclasses import dataclass
from enum import StrEnum


class Dialect(StrEnum):
    """How a client or a provider speaks: which of the vendors' published formats its bodies and streams are in."""

    CHAT = "openai_chat"
    RESPONSES = "openai_responses"
    MESSAGES = "anthropic_messages"


@dataclass(frozen=True)
class TokenCount:
    """What a call used, as the provider counted it.

    `input` is all that was read, whether from a cache or not; `cached` and `cache_written` are parts of it, and
    `reasoning` is a part of `output`. The vendors differ: Anthropic's own `input_tokens` leaves the cache's out.
    """

    input: int = 0
    output: int = 0
    cached: int = 0
    reasoning: int = 0
    cache_written: int = 0


@dataclass(frozen=True)
class Fault:
    """Why a provider gave no answer, or ended one early; `status` is what HTTP would say."""

    status: int
    code: str
    message: str
