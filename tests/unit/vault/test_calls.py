import socket
import time

import pytest

from appliance.kernel.egress import Egress
from appliance.kernel.sealing import KeyUnavailable
from appliance.vault.roots.calls import Calls


def test_a_service_that_never_answers_holds_nobody_up_for_long() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()

        with pytest.raises(KeyUnavailable) as caught:
            Calls(Egress(["127.0.0.1:*"]), timeout_seconds=0.1).send(
                "POST", f"http://127.0.0.1:{silent.getsockname()[1]}/", headers={"X-Vault-Token": "planted"}
            )

    assert caught.value.reason == "no answer: ReadTimeout"
    assert caught.value.__context__ is None  # the library's error holds the request, and that the token
    assert time.monotonic() - began < 3


def test_a_token_that_is_no_header_does_not_show() -> None:
    with pytest.raises(KeyUnavailable) as caught:
        Calls(Egress(["127.0.0.1:*"])).send("POST", "http://127.0.0.1:9/", headers={"X-Vault-Token": "planted\r\nX: y"})

    assert "planted" not in caught.value.reason
