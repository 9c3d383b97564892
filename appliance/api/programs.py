"""The door for programs without a framework: a WSGI callable in front of the same gate that Flask's door calls.

For a server that holds thousands of streams at once, see decision 0027. It answers /v1 and nothing else.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Protocol, cast

from appliance.api import meters
from appliance.api.errors import NoSuchEndpoint
from appliance.api.hanging_up import Watching
from appliance.api.rates import told
from appliance.gateway import Answering, Asking, ClientGone, Endpoint, Gate
from appliance.gateway.answering import Closing
from appliance.gateway.errors import RequestTooLarge
from appliance.gateway.requests import MOST_BYTES
from appliance.identity import Caller, Tally
from appliance.kernel.egress import Cancel
from appliance.kernel.ids import new_id
from appliance.kernel.log import logger
from appliance.kernel.safety import HEADERS
from appliance.settings import Settings

log = logger("gateway")
Environ = Mapping[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], object]
_ENDPOINTS: Final = {
    Endpoint.CHAT_COMPLETIONS.value: (Endpoint.CHAT_COMPLETIONS, "openai.chat_completions"),
    Endpoint.RESPONSES.value: (Endpoint.RESPONSES, "openai.responses"),
    Endpoint.EMBEDDINGS.value: (Endpoint.EMBEDDINGS, "openai.embeddings"),
    Endpoint.MESSAGES.value: (Endpoint.MESSAGES, "anthropic.messages"),
    Endpoint.COUNT_TOKENS.value: (Endpoint.COUNT_TOKENS, "anthropic.count_tokens"),
}
_MODELS: Final = "/v1/models"
_PIECE: Final = 16_384
BODY_GRACE_SECONDS: Final = 20.0
BODY_BYTES_A_SECOND: Final = 16_384
_STATUS: Final = {one.value: f"{one.value} {one.phrase}" for one in HTTPStatus}


class Watcher(Protocol):
    """Notices who hangs up."""

    def over(self, client: Any, gone: Callable[[], None]) -> Watching:
        """Call `gone` when the client hangs up."""
        ...


class Programs:
    """Answers programs."""

    def __init__(self, gate: Gate, tally: Tally, settings: Settings, watch: Watcher) -> None:
        self.gate = gate
        self._per_minute, self._watch, self._tally = settings.api_requests_per_minute, watch, tally
        self._safety = [*HEADERS.items(), ("Cache-Control", "no-store")]
        if settings.is_https:
            self._safety.append(("Strict-Transport-Security", "max-age=63072000"))

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request (PEP 3333)."""
        path = environ["PATH_INFO"]
        if path == "/livez":
            start_response(_STATUS[200], [("Content-Type", "application/json"), ("Content-Length", "18")])
            return [b'{"status":"alive"}']
        return _Visit(self, environ, str(new_id())).answered(path, start_response)

    def throttle(self, caller: Caller) -> dict[str, str]:
        """Count a request of this key. Raises TooManyRequests."""
        return told(self._tally, caller, self._per_minute)

    def watched(self, environ: Environ, cancel: Cancel) -> Watching:
        """Watch the client from now on."""
        return self._watch.over(environ.get("gunicorn.socket"), cancel.now)

    @property
    def safety(self) -> list[tuple[str, str]]:
        """The headers of every answer."""
        return self._safety


@dataclass
class _Visit:
    """One request."""

    door: Programs
    environ: Environ
    request_id: str
    endpoint: str = "openai.nothing"
    caller: Caller | None = None
    watching: Watching | None = None

    def answered(self, path: str, start_response: StartResponse) -> Iterable[bytes]:
        """Return the answer's body."""
        began, cancel = time.perf_counter(), Cancel()
        try:
            answer = self._asked(path, cancel)
        except ClientGone:
            answer = Answering(499, b"")  # nobody reads it; our log does
        except BaseException:
            self.end()
            raise
        headers = [*answer.headers.items(), *self.door.safety, ("X-Request-Id", self.request_id)]
        if isinstance(answer.body, bytes):
            headers.append(("Content-Length", str(len(answer.body))))
        self._log(answer.status, time.perf_counter() - began)
        start_response(_STATUS.get(answer.status, f"{answer.status} -"), headers)
        if isinstance(answer.body, bytes):
            self.end()
            return [answer.body]
        return _Body(answer.body, self)

    def end(self) -> None:
        """Watch no longer."""
        if self.watching is not None:
            self.watching.end()

    def _asked(self, path: str, cancel: Cancel) -> Answering:
        gate, method = self.door.gate, self.environ["REQUEST_METHOD"]
        if method == "POST" and path in _ENDPOINTS:
            endpoint, self.endpoint = _ENDPOINTS[path]
            if (_length(self.environ) or 0) > MOST_BYTES:
                return gate.refuse(self._asking(), RequestTooLarge(most=MOST_BYTES), dialect=endpoint.dialect)
            asking = self._asking(lambda: self._read(cancel))
            return gate.answer(endpoint, asking, throttle=self._throttle, cancel=cancel)
        if method == "GET" and (path == _MODELS or path.startswith(f"{_MODELS}/")):
            self.endpoint = "openai.models"
            return gate.list_models(self._asking(), throttle=self._throttle, name=path[len(_MODELS) + 1 :] or None)
        return gate.refuse(self._asking(), NoSuchEndpoint())

    def _asking(self, read: Callable[[], bytes] = bytes) -> Asking:
        environ = self.environ
        headers = {
            name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")
        }
        headers["content-type"] = environ.get("CONTENT_TYPE", "")
        return Asking(headers, environ.get("REMOTE_ADDR", ""), self.request_id, read)

    def _throttle(self, caller: Caller) -> dict[str, str]:
        self.caller = caller
        return self.door.throttle(caller)

    def _read(self, cancel: Cancel) -> bytes:
        stream, pieces, left = self.environ["wsgi.input"], list[bytes](), MOST_BYTES + 1
        until = time.monotonic() + BODY_GRACE_SECONDS
        try:
            while left > 0 and (piece := stream.read(min(left, _PIECE))):
                pieces.append(piece)
                left -= len(piece)
                if time.monotonic() > until + (MOST_BYTES - left) / BODY_BYTES_A_SECOND:
                    raise ClientGone
        except (TimeoutError, ConnectionError):
            raise ClientGone from None
        self.watching = self.door.watched(self.environ, cancel)
        return b"".join(pieces)

    def _log(self, status: int, seconds: float) -> None:
        meters.requests.labels(self.endpoint, self.environ["REQUEST_METHOD"], status).inc()
        meters.duration.labels(self.endpoint).observe(seconds)
        person = self.caller
        log.info(
            "request", request_id=self.request_id, endpoint=self.endpoint, method=self.environ["REQUEST_METHOD"],
            status=status, milliseconds=round(seconds * 1000, 1),
            tenant_id=str(person.tenant_id) if person else None, user_id=str(person.user_id) if person else None,
        )  # fmt: skip


class _Body:
    """A stream as WSGI wants it; closing it ends the call at the provider."""

    def __init__(self, pieces: Closing, visit: _Visit) -> None:
        self._pieces, self._visit = pieces, visit

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces)

    def close(self) -> None:
        self._visit.end()
        self._pieces.close()


def _length(environ: Environ) -> int | None:
    given = cast("str", environ.get("CONTENT_LENGTH") or "")
    return int(given) if given.isascii() and given.isdigit() else None
