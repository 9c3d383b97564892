"""
Refusal
├── TokenMissing           kind=unauthenticated
├── JsonMalformed          kind=malformed
├── NotJson                kind=unsupported
├── NoSuchEndpoint         kind=not_found
├── Outdated               kind=outdated
├── TooManyRequests        kind=over_limit
└── Invalid
    └── BodyInvalid        with a list of what is wrong, and where
"""

from collections.abc import Sequence

from appliance.kernel.errors import Invalid, Kind, Refusal


class TokenMissing(Refusal):
    """Send a token: `Authorization: Bearer cloister_…`. Issue one under API tokens."""

    kind = Kind.UNAUTHENTICATED
    code = "token_missing"


class JsonMalformed(Refusal):
    """The body is not JSON. Check it with a JSON parser; it must be UTF-8."""

    kind = Kind.MALFORMED
    code = "json_malformed"


class NotJson(Refusal):
    """Send the body as `Content-Type: {expected}`."""

    kind = Kind.UNSUPPORTED
    code = "content_type_unsupported"


class NoSuchEndpoint(Refusal):
    """There is no such address here. The gateway has /v1/chat/completions, /v1/responses, /v1/embeddings, /v1/models, /v1/messages and /v1/messages/count_tokens."""

    kind = Kind.NOT_FOUND
    code = "no_such_endpoint"


class Outdated(Refusal):
    """It has changed since you read it: If-Match does not fit. Read it again, and decide anew."""

    kind = Kind.OUTDATED
    code = "outdated"


class TooManyRequests(Refusal):
    """Too many requests with this token. Wait {seconds} seconds; the RateLimit header says how many are left."""

    kind = Kind.OVER_LIMIT
    code = "too_many_requests"


class BodyInvalid(Invalid):
    """Some fields are not valid; `errors` says which, and why."""

    code = "body_invalid"

    def __init__(self, errors: Sequence[dict[str, str]]) -> None:
        self.errors = errors
        super().__init__()
