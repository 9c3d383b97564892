import subprocess
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as some
from structlog.testing import capture_logs

from appliance import cli
from appliance.kernel import log
from appliance.kernel.blobs import BlobMissing, Blobs
from appliance.kernel.canonical import canonical
from appliance.kernel.egress import Egress, EgressDenied
from appliance.kernel.errors import filled
from appliance.kernel.ids import TenantId, new_id, parse_id
from appliance.kernel.sealing import (
    IntegrityError,
    Place,
    hash_password,
    password_matches,
    seal,
    seal_at,
    unseal,
    unseal_at,
    version_of,
)
from appliance.kernel.words import sentences, terms

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))


@given(some.binary(max_size=500), some.binary(max_size=40))
def test_it_opens_what_it_sealed(plaintext: bytes, context: bytes) -> None:
    assert unseal(KEY, seal(KEY, plaintext, context=context), context=context) == plaintext


@given(some.binary(min_size=1, max_size=60), some.data())
def test_it_opens_nothing_that_was_altered(plaintext: bytes, data: some.DataObject) -> None:
    sealed = bytearray(seal(KEY, plaintext, context=b"place"))
    place = data.draw(some.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(some.integers(1, 255))

    with pytest.raises(IntegrityError):
        unseal(KEY, bytes(sealed), context=b"place")


def test_it_opens_nothing_under_another_key_or_in_another_place() -> None:
    sealed = seal(KEY, b"secret", context=b"place")
    for key, context in ((OTHER, b"place"), (KEY, b"another place")):
        with pytest.raises(IntegrityError):
            unseal(key, sealed, context=context)


def test_it_seals_the_same_text_differently_each_time() -> None:
    assert seal(KEY, b"secret", context=b"") != seal(KEY, b"secret", context=b"")


def test_it_opens_the_golden_envelope() -> None:
    golden = (Path(__file__).parents[2] / "vectors" / "envelope-1.hex").read_text().strip()

    assert unseal(KEY, bytes.fromhex(golden), context=b"place") == b"kept for ever"


def test_it_opens_the_golden_envelope_of_the_second_format() -> None:
    golden = bytes.fromhex((Path(__file__).parents[2] / "vectors" / "envelope-2.hex").read_text().strip())

    assert version_of(golden) == 7
    assert unseal_at(KEY, golden, context=b"place") == b"kept for ever"


class KeyByTenant:
    """Seals each tenant's files under a key of its own."""

    def seal_file(self, tenant_id: UUID, content: bytes, place: Place) -> bytes:
        return seal_at(tenant_id.bytes * 2, 1, content, context=place.context(tenant_id))

    def unseal_file(self, tenant_id: UUID, sealed: bytes, place: Place) -> bytes:
        return unseal_at(tenant_id.bytes * 2, sealed, context=place.context(tenant_id))

    def version_for_files(self, _: UUID) -> int:
        return 1


def test_it_does_not_open_one_tenants_blob_as_anothers(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path, sealer=KeyByTenant())
    ada, bo, blob = TenantId(new_id()), TenantId(new_id()), new_id()
    blobs.put(ada, blob, b"Ada's file")
    path = next(tmp_path.glob(f"{ada}/*/*"))
    moved = tmp_path / str(bo) / path.parent.name / path.name
    moved.parent.mkdir(parents=True)
    moved.write_bytes(path.read_bytes())

    assert blobs.get(ada, blob) == b"Ada's file"
    assert b"Ada's file" not in path.read_bytes()
    with pytest.raises(IntegrityError):
        blobs.get(bo, blob)
    with pytest.raises(BlobMissing):
        blobs.get(ada, new_id())


def test_a_hash_costs_what_owasp_asks_for() -> None:
    script = "from appliance.kernel import sealing as s; print(s.hash_password('x'), s._DUMMY)"
    made = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    for stored in made:  # of a known person and of an unknown one: as long
        assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_it_matches_a_password_and_nothing_else() -> None:
    stored = hash_password("a long and private sentence")

    assert password_matches(stored, "a long and private sentence")
    assert not password_matches(stored, "A long and private sentence")
    assert not password_matches(None, "")


@given(some.recursive(some.none() | some.booleans() | some.integers() | some.text(), lambda inner: some.lists(inner) | some.dictionaries(some.text(alphabet="abcXYZ_", max_size=5), inner)))  # fmt: skip
def test_it_writes_one_value_in_one_way(value: object) -> None:
    assert canonical(value) == canonical(value)
    assert b" \n" not in canonical(value)


@pytest.mark.parametrize("value", [1.5, {"é": 1}, {1: 2}, b"x"])
def test_it_refuses_what_has_no_canonical_form(value: object) -> None:
    with pytest.raises(TypeError):
        canonical(value)


def test_it_makes_ids_that_sort_by_time() -> None:
    ids = [new_id() for _ in range(1000)]

    assert all(one.version == 7 and one.variant == uuid.RFC_4122 for one in ids)
    assert len(set(ids)) == 1000
    assert [one.int >> 80 for one in ids] == sorted(one.int >> 80 for one in ids)


def test_it_reads_only_the_canonical_form_of_an_id() -> None:
    one = new_id()

    assert parse_id(str(one)) == one
    assert parse_id("{" + str(one) + "}") is None
    assert parse_id("1' OR '1'='1") is None


class _Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", "http://localhost:1/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_it_lets_out_what_was_allowed_and_nothing_else() -> None:
    server = HTTPServer(("127.0.0.1", 0), _Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/"
    with Egress(["127.0.0.1:*"]).client() as client:
        assert client.get(address).status_code == 302
        for elsewhere in (
            "http://localhost:1/",
            "http://[::1]/",
            "http://127.0.0.1.evil.example/",
            "http://2130706433/",
        ):
            with pytest.raises(EgressDenied):
                client.get(elsewhere)
        with pytest.raises(EgressDenied):
            client.get(address, follow_redirects=True)
    with Egress().client() as nothing, pytest.raises(EgressDenied):
        nothing.get(address)
    server.shutdown()
    server.server_close()


def hooked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the test change what happens to what nobody catches, and nothing after it."""
    monkeypatch.setattr("sys.excepthook", sys.__excepthook__)
    monkeypatch.setattr("threading.excepthook", threading.__excepthook__)
    monkeypatch.setattr("sys.unraisablehook", sys.__unraisablehook__)


def test_it_logs_no_content(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    hooked(monkeypatch)
    log.configure()
    logger = log.logger("test")
    canary = "canary-4711"
    try:
        local = canary
        raise ValueError(f"could not parse {local}")
    except ValueError:
        logger.exception("broke", question=canary, password=canary, tenant_id="t-1")
    sys.excepthook(KeyError, KeyError(canary), None)

    written = capsys.readouterr().err
    assert canary not in written
    assert "ValueError" in written
    assert "t-1" in written


def test_a_logger_of_before_is_heard_by_who_listens_later(monkeypatch: pytest.MonkeyPatch) -> None:
    hooked(monkeypatch)
    log.configure()
    logger = log.logger("test")
    logger.info("heard_by_nobody")
    log.configure()
    with capture_logs() as heard:
        logger.info("heard")
    assert [one["event"] for one in heard] == ["heard"]


def test_a_thread_that_breaks_logs_no_content_either(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hooked(monkeypatch)
    log.configure()

    def breaks() -> None:
        raise ValueError("could not parse canary-4711")

    class Broken:
        def __del__(self) -> None:
            breaks()

    thread = threading.Thread(target=breaks)
    thread.start()
    thread.join()
    Broken()

    written = capsys.readouterr().err
    assert "canary-4711" not in written
    assert written.count("ValueError") == 2


def test_a_command_that_breaks_quotes_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands at a console is sent to whoever helps."""
    hooked(monkeypatch)
    monkeypatch.setattr(cli, "close_memory", lambda: None)

    def breaks(**_: object) -> None:
        raise ValueError("could not parse canary-4711")

    monkeypatch.setattr(cli, "group", breaks)
    with pytest.raises(ValueError, match="parse") as broken:
        cli.main()
    sys.excepthook(broken.type, broken.value, broken.tb)

    written = capsys.readouterr().err
    assert "canary-4711" not in written
    assert "ValueError" in written


def test_it_finds_the_same_terms_in_other_forms() -> None:
    assert terms("Employees' holidays") == terms("employee holiday")
    assert terms("ＦＵＬＬ width") == terms("full width")
    assert terms("the of and") == []
    assert len(terms("東京都")) == 2


def test_it_ends_sentences_where_people_do() -> None:
    text = "Dr. Lind, e.g. on 3. May, pays 3.20 euros. Nobody else does!\nA heading\n中文句子。第二句。"

    assert [text[start:end] for start, end in sentences(text)] == [
        "Dr. Lind, e.g. on 3. May, pays 3.20 euros.",
        "Nobody else does!",
        "A heading",
        "中文句子。",
        "第二句。",
    ]


def test_a_message_says_one_second_and_two_seconds() -> None:
    assert filled("Wait {seconds} seconds.", {"seconds": 1}) == "Wait 1 second."
    assert filled("Wait {seconds} seconds.", {"seconds": 2}) == "Wait 2 seconds."
    assert filled("Warten Sie {seconds} Sekunden.", {"seconds": "1"}) == "Warten Sie 1 Sekunde."
