"""The same way out for code that speaks httpx2: its client's transport is our call, so nothing of it opens a socket."""

import contextlib
from collections.abc import Iterator
from typing import Final

import httpx2

from appliance.kernel.egress.calls import Calls, Incoming
from appliance.kernel.egress.errors import (
    AnswerTimedOut,
    CallCancelled,
    EgressFailed,
    HostNotFound,
    HostUnreachable,
    OutgoingMalformed,
    ProxyFailed,
    TlsFailed,
    TooManyConnections,
)
from appliance.kernel.egress.values import Outgoing, Stage, Timeouts

_WRITTEN_BY_US: Final = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})
_MOST_BYTES: Final = 32 * 1024 * 1024
_FOR_EVER: Final = 86_400.0
_UNCODED: Final = frozenset({"", "identity"})
_LATE: Final[dict[str, type[httpx2.TimeoutException]]] = {
    Stage.CONNECT: httpx2.ConnectTimeout,
    Stage.WRITE: httpx2.WriteTimeout,
}


def client_of(calls: Calls, *, timeout_seconds: float) -> httpx2.Client:
    """Return a client whose every request is one of our calls."""
    return httpx2.Client(transport=_Through(calls), timeout=timeout_seconds, trust_env=False, follow_redirects=False)


class _Through(httpx2.BaseTransport):
    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        headers = tuple(
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in request.headers.raw
            if name.lower().decode("latin-1") not in _WRITTEN_BY_US
        )
        outgoing = Outgoing(request.method, str(request.url), headers, request.read(), _timeouts(request), _MOST_BYTES)
        with _spoken_as_httpx2(request):
            incoming = self._calls.open(outgoing)
        if (incoming.header("content-encoding") or "").lower() not in _UNCODED:
            incoming.close()  # The client would unpack it: a small answer that fills the memory.
            raise httpx2.RemoteProtocolError("the answer is packed, unasked", request=request)
        return httpx2.Response(incoming.status, headers=list(incoming.headers), stream=_Stream(incoming, request))


class _Stream(httpx2.SyncByteStream):
    def __init__(self, incoming: Incoming, request: httpx2.Request) -> None:
        self._incoming, self._request = incoming, request

    def __iter__(self) -> Iterator[bytes]:
        with _spoken_as_httpx2(self._request):
            yield from self._incoming

    def close(self) -> None:
        self._incoming.close()


def _timeouts(request: httpx2.Request) -> Timeouts:
    given = request.extensions.get("timeout", {})

    def seconds(name: str) -> float:
        value = given.get(name)
        return _FOR_EVER if value is None else float(value)

    return Timeouts(seconds("connect"), seconds("write"), seconds("read"), seconds("read"), whole=None)


@contextlib.contextmanager
def _spoken_as_httpx2(request: httpx2.Request) -> Iterator[None]:
    """Raise what httpx2's callers expect; what was denied stays a refusal."""
    try:
        yield
    except AnswerTimedOut as error:
        kind = _LATE.get(str(error.facts["stage"]), httpx2.ReadTimeout)
        raise kind(str(error), request=request) from None
    except (HostNotFound, HostUnreachable, TlsFailed, TooManyConnections) as error:
        raise httpx2.ConnectError(str(error), request=request) from None
    except ProxyFailed as error:
        raise httpx2.ProxyError(str(error), request=request) from None
    except OutgoingMalformed as error:
        raise httpx2.LocalProtocolError(str(error), request=request) from None
    except CallCancelled as error:
        raise httpx2.ReadError(str(error), request=request) from None
    except EgressFailed as error:
        raise httpx2.RemoteProtocolError(str(error), request=request) from None
