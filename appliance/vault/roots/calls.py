"""Calls to the service that holds a root: through egress alone, bounded in time and number, each fault a KeyUnavailable."""

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx2

from appliance.kernel.egress import Egress, EgressDenied
from appliance.kernel.sealing import KeyUnavailable
from appliance.vault.roots.discretion import PerProcess

_PAUSES: Final = (0.1, 0.4)
_PASSING: Final = frozenset({429, 500, 502, 503, 504})


def is_passing(answer: httpx2.Response) -> bool:
    """Return whether this answer may be another one in a moment."""
    return answer.status_code in _PASSING


class Calls:
    """Makes calls that may be repeated. Thread-safe; has connections of its own in a child."""

    def __init__(self, egress: Egress, *, timeout_seconds: float = 3.0) -> None:
        self._client = PerProcess(lambda: egress.client(timeout_seconds=timeout_seconds), end=httpx2.Client.close)

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        content: bytes = b"",
        is_passing: Callable[[httpx2.Response], bool] = is_passing,
    ) -> httpx2.Response:
        """Return the answer, three tries at most. Raises KeyUnavailable if there is none.

        The library's errors carry the request with its token, so they are not kept as a cause.
        """
        reason = ""
        for pause in (*_PAUSES, None):
            try:
                answer = self._client.get().request(method, url, headers=dict(headers), content=content)
            except EgressDenied as error:
                raise KeyUnavailable(str(error)) from None
            except httpx2.HTTPError as error:
                reason = f"no answer: {type(error).__name__}"
            else:
                if not is_passing(answer) or pause is None:
                    return answer
            if pause is not None:
                time.sleep(pause)
        raise KeyUnavailable(reason)


def members(answer: httpx2.Response) -> dict[str, Any]:
    """Return the answer's JSON object; an empty one if it is something else."""
    with contextlib.suppress(ValueError):
        value = answer.json()
        if isinstance(value, dict):
            return value
    return {}
