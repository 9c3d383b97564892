"""The line to a provider whose connections end when it likes: web servers close an idle one after five seconds."""

import pytest

from appliance.identity.sso.errors import ProviderSilent
from appliance.identity.sso.oidc.line import Credentials, Line
from appliance.identity.sso.oidc.settings import read
from appliance.kernel.egress import Egress
from tests.support.upstream import Talk, Upstream


@pytest.mark.parametrize("answers", [True, False], ids=["it takes the next", "it takes none"])
def test_a_code_is_redeemed_though_the_connection_ends_as_it_is_sent(answers: bool) -> None:
    """Somebody has typed their password there for five seconds. Were it not sent again, they would be told to start again."""
    asked: list[bytes] = []

    def serve(talk: Talk) -> None:
        if not talks:
            talks.append(talk)
            talk.request()
            talk.answer(b"{}")
            asked.append(talk.request()[1])  # taken, and no word
            return
        asked.append(talk.request()[1])
        if answers:
            talk.answer(b'{"id_token": "a.b.c"}')

    talks: list[Talk] = []
    with Upstream(serve) as upstream:
        egress = Egress([f"127.0.0.1:{upstream.port}"])
        line, credentials = Line(egress), Credentials(read({"issuer": "https://idp.example", "client_id": "c"}), "of the client")
        line.get(upstream.url, "the description")
        if answers:
            assert line.redeem(upstream.url, {"code": "one"}, credentials) == {"id_token": "a.b.c"}
        else:
            with pytest.raises(ProviderSilent):
                line.redeem(upstream.url, {"code": "one"}, credentials)
        egress.close()
    assert len(asked) == 2
    assert asked[0] == asked[1]
