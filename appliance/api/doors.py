"""Flask's side of the gate: bytes in, bytes out, and a hand on the line of whoever asks."""

from collections.abc import Callable, Iterator
from typing import Final, cast

from flask import Response, current_app, g, request

from appliance.api.hanging_up import Watch, Watched
from appliance.api.serving import rate_headers, services
from appliance.gateway import Answering, Asking, ClientGone, Endpoint
from appliance.gateway.answering import Closing
from appliance.gateway.errors import RequestTooLarge
from appliance.gateway.requests import MOST_BYTES
from appliance.identity import Caller
from appliance.kernel.egress import Cancel
from appliance.kernel.errors import Refusal

_GONE: Final = 499  # nobody reads it; our log does
_SOCKETS: Final = ("gunicorn.socket", "werkzeug.socket")


def asked(endpoint: Endpoint) -> Response:
    """Answer a question to a model."""
    request.max_content_length = MOST_BYTES + 1
    if (request.content_length or 0) > MOST_BYTES:
        return response_of(
            services().gate.refuse(_asking(), RequestTooLarge(most=MOST_BYTES), dialect=endpoint.dialect)
        )
    cancel, reading = Cancel(), _Reading()
    try:
        answer = services().gate.answer(
            endpoint, _asking(lambda: reading.read(cancel)), throttle=throttle, cancel=cancel
        )
    except ClientGone:
        reading.end()
        return Response(status=_GONE)
    except BaseException:
        reading.end()
        raise
    if isinstance(answer.body, bytes):
        reading.end()
        return response_of(answer)
    return Response(_Body(answer.body, reading), status=answer.status, headers=answer.headers)


def models(name: str | None = None) -> Response:
    """List the models, or tell of one."""
    return response_of(services().gate.list_models(_asking(), throttle=throttle, name=name))


def refused(refusal: Refusal) -> Response:
    """Return what the door itself refuses, in the client's dialect as far as it can be told."""
    return response_of(services().gate.refuse(_asking(), refusal))


def response_of(answer: Answering) -> Response:
    """Return an answer that is whole."""
    g.refusal = answer.refusal  # for who counts what did not open
    return Response(cast("bytes", answer.body), status=answer.status, headers=answer.headers)


def throttle(caller: Caller) -> dict[str, str]:
    """Count a request of this key. Raises TooManyRequests."""
    g.caller = caller
    return rate_headers(caller)


def _asking(read: Callable[[], bytes] = bytes) -> Asking:
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Asking(headers, request.remote_addr or "", g.request_id, read)


def _watch() -> Watch:
    return cast("Watch", current_app.extensions["hanging_up"])


class _Reading:
    """Reads a request's body, and from then on watches whether the client is still there."""

    def __init__(self) -> None:
        self._watched: Watched | None = None

    def read(self, cancel: Cancel) -> bytes:
        """Return the body; a client that hangs up later pulls `cancel`."""
        body = request.get_data(cache=False)
        client = next((request.environ[name] for name in _SOCKETS if name in request.environ), None)
        self._watched = _watch().over(client, cancel.now)
        return body

    def end(self) -> None:
        """Watch no longer."""
        if self._watched is not None:
            self._watched.end()


class _Body:
    """A stream as WSGI wants it; closing it ends the call at the provider."""

    def __init__(self, pieces: Closing, reading: _Reading) -> None:
        self._pieces, self._reading = pieces, reading

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces)

    def close(self) -> None:
        self._reading.end()
        self._pieces.close()
