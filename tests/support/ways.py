"""How a connection is made, as tests ask for it: names that are given, an authority that is believed."""

from appliance.kernel.egress import Cancel, Egress, Outgoing, Timeouts
from tests.support.upstream import Authority

SHORT = Timeouts(connect=0.5, write=0.5, first_byte=0.5, between=0.5)


class Names:
    """A resolver that gives its answers in turn, and remembers what it was asked."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers, self.asked = list(answers), list[str]()

    def __call__(self, host: str) -> list[str]:
        """Answer."""
        self.asked.append(host)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def read(egress: Egress, url: str, **options: Cancel) -> bytes:
    """Return what is there."""
    with egress.open(Outgoing("GET", url, timeouts=SHORT), **options) as incoming:
        return incoming.read()


def own(port: int, authority: Authority | None, **options: object) -> Egress:
    entries = [f"model.internal:{port}=127.0.0.0/8", f"other.internal:{port}=127.0.0.0/8", f"127.0.0.1:{port}"]
    ca = authority.file if authority else None
    return Egress(entries, ca_bundle=ca, resolve=Names(["127.0.0.1"]), **options)  # type: ignore[arg-type]
