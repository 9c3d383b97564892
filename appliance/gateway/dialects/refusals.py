"""What the translation of dialects says no to.

Refusal
├── Untranslatable       kind=malformed   before anything is sent
├── AnswerUnreadable     kind=unavailable the provider's answer is not what its dialect says
└── EventTooLarge        kind=unavailable one event of a stream is beyond all measure
"""

from appliance.kernel.errors import Kind, Refusal


class Untranslatable(Refusal):
    """{field} cannot be said to the provider of this model: {reason}. Leave it out, or choose a model that takes it."""

    kind = Kind.MALFORMED
    code = "untranslatable"

    def __init__(self, field: str, reason: str) -> None:
        """Take the place in the request, and why; neither holds any of its content."""
        super().__init__(field=field, reason=reason)
        self.field, self.reason = field, reason


class AnswerUnreadable(Refusal):
    """The provider's answer could not be read ({reason}). Try again, or choose another model."""

    kind = Kind.UNAVAILABLE
    code = "provider_answer_unreadable"

    def __init__(self, reason: str) -> None:
        super().__init__(reason=reason)
        self.reason = reason


class EventTooLarge(Refusal):
    """The provider sent an event of more than {limit} bytes; the answer was broken off."""

    kind = Kind.UNAVAILABLE
    code = "provider_event_too_large"
