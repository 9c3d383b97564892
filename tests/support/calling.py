"""Calls to a server that a test scripts."""

from appliance.kernel.egress import Outgoing, Timeouts
from tests.support.upstream import Serve, Talk, Upstream

SHORT = Timeouts(connect=0.3, write=0.3, first_byte=0.3, between=0.3, whole=5)


def post(upstream: Upstream, body: bytes = b"{}", **options: object) -> Outgoing:
    """Return a request that is to be sent there."""
    return Outgoing("POST", upstream.url, body=body, **{"timeouts": SHORT, **options})  # type: ignore[arg-type]


def once(*parts: bytes | str) -> Serve:
    """Answer one request with these bytes, and hang up."""

    def serve(talk: Talk) -> None:
        talk.request()
        talk.say(*parts)

    return serve
