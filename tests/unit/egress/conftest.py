import socket
from collections.abc import Iterator

import pytest

from appliance.kernel.egress import Egress
from tests.support.upstream import Authority, Upstream, polite


@pytest.fixture
def egress() -> Iterator[Egress]:
    one = Egress(["127.0.0.1:*"])
    yield one
    one.close()


@pytest.fixture
def full() -> Iterator[int]:
    """A port that lets nobody in and says nothing: its queue is full."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        place = listening.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(place)
        yield place[1]
        for one in waiting:
            one.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.founded(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def secured(authority: Authority) -> Iterator[Upstream]:
    with Upstream(polite, tls=authority.server("model.internal", "127.0.0.1")) as upstream:
        yield upstream
