import json
import secrets
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import pytest

from appliance.kernel.egress import Egress
from appliance.kernel.sealing import IntegrityError, KeyDestroyed, KeyUnavailable
from appliance.kernel.sigv4 import AwsCredentials, signed
from appliance.vault.roots import root_of
from appliance.vault.roots.frames import KMS, frame
from appliance.vault.roots.kms import KmsKey, KmsRoot
from tests.support.roots import Kms, moto

KEK = secrets.token_bytes(32)
ARN = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
FILE = "[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = planted-secret\n"


@pytest.fixture(scope="module")
def kms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kms]:
    with moto(tmp_path_factory.mktemp("moto")) as kms:
        yield kms


def kept(path: Path, content: str = FILE) -> Path:
    path.unlink(missing_ok=True)
    path.write_text(content)
    path.chmod(0o400)
    return path


def root(endpoint: str, arn: str, credentials: Path, **options: Any) -> KmsRoot:
    spec = f"aws-kms:{arn}?endpoint={endpoint}"
    return KmsRoot(KmsKey(arn, endpoint), egress=Egress(["127.0.0.1:*"]), credentials=credentials, spec=spec, **options)


def test_the_service_itself_refuses_what_was_altered(kms: Kms, tmp_path: Path) -> None:
    one = root(kms.address, kms.make_key(), kept(tmp_path / "aws"))
    content = one.wrap(KEK, context=b"c")[17:]
    altered = [content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :] for at in (-1, -20, -33, 40)]

    for each in (*altered, content[:-1], content[:40]):
        with pytest.raises(IntegrityError):
            one.unwrap(frame(KMS, each, root=one.fingerprint(), context=b"c"), context=b"c")
    with pytest.raises(IntegrityError):
        one.unwrap(frame(KMS, content, root=one.fingerprint(), context=b"d"), context=b"d")


def test_a_key_that_is_not_there_opens_nothing_and_is_never_made(kms: Kms, tmp_path: Path) -> None:
    gone = kms.make_key()[:-4] + "dead"
    one = root(kms.address, gone, kept(tmp_path / "aws"))

    with pytest.raises(KeyUnavailable):
        one.wrap(KEK, context=b"c")
    with pytest.raises(KeyUnavailable):
        one.ping()
    assert gone not in json.dumps(kms.ask("ListKeys", {}))


class Scripted(ThreadingHTTPServer):
    """Answers as KMS would where moto does not go."""

    daemon_threads = True

    def __init__(self, *answers: tuple[int, dict[str, str]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers, self.asked = list(answers), list[dict[str, str]]()
        self.address = f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Scripted

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append(dict(self.headers))
        status, said = self.server.answers.pop(0) if len(self.server.answers) > 1 else self.server.answers[0]
        content = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("NotFoundException", KeyDestroyed),
        ("com.amazonaws.kms#NotFoundException", KeyDestroyed),
        ("InvalidCiphertextException", IntegrityError),
        ("IncorrectKeyException", IntegrityError),
        ("AccessDeniedException", KeyUnavailable),
        ("DisabledException", KeyUnavailable),
        ("KMSInvalidStateException", KeyUnavailable),  # pending deletion: it can be cancelled
        ("KeyUnavailableException", KeyUnavailable),
    ],
)
def test_what_kms_says_is_understood(tmp_path: Path, name: str, error: type[Exception]) -> None:
    with Scripted((400, {"__type": name, "message": "planted words"})) as server:
        one = root(server.address, ARN, kept(tmp_path / "aws"))
        wrapped = frame(KMS, b"x" * 100, root=one.fingerprint(), context=b"c")

        with pytest.raises(error) as caught:
            one.unwrap(wrapped, context=b"c")

    assert "planted" not in f"{caught.value} {getattr(caught.value, 'reason', '')}"
    assert len(server.asked) == 1


def test_throttling_and_faults_are_tried_again_a_few_times(tmp_path: Path) -> None:
    busy = 400, {"__type": "ThrottlingException"}
    with Scripted(busy, (500, {}), (200, {"CiphertextBlob": "YWJj"})) as server:
        root(server.address, ARN, kept(tmp_path / "aws")).wrap(KEK, context=b"c")
        assert len(server.asked) == 3
    with Scripted(busy) as server:
        with pytest.raises(KeyUnavailable):
            root(server.address, ARN, kept(tmp_path / "aws")).wrap(KEK, context=b"c")
        assert len(server.asked) == 3


def test_changed_credentials_need_no_restart(kms: Kms, tmp_path: Path) -> None:
    file = kept(tmp_path / "aws")
    with Scripted((200, {"CiphertextBlob": "YWJj"})) as server:
        one = root(server.address, ARN, file)
        one.wrap(KEK, context=b"c")
        kept(file, FILE.replace("AKIDEXAMPLE", "AKIDOTHER"))
        one.wrap(KEK, context=b"c")

    assert ["AKIDOTHER" in asked["authorization"] for asked in server.asked] == [False, True]


@pytest.mark.parametrize("content", ["", "planted-secret", "[default]\naws_access_key_id = a\nplanted-secret\n"])
def test_an_odd_credentials_file_is_refused_without_showing_it(tmp_path: Path, content: str) -> None:
    with pytest.raises(KeyUnavailable) as caught:
        root("http://127.0.0.1:9", ARN, kept(tmp_path / "aws", content)).ping()

    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert "planted" not in caught.value.reason


def test_without_a_file_the_instance_signs(kms: Kms, tmp_path: Path) -> None:
    one = root(kms.address, kms.make_key(), tmp_path / "absent", instance=kms.address)

    assert one.unwrap(one.wrap(KEK, context=b"c"), context=b"c") == KEK


def test_the_instance_is_asked_through_egress(tmp_path: Path) -> None:
    one = root("http://127.0.0.1:9", ARN, tmp_path / "absent")

    with pytest.raises(KeyUnavailable) as caught:
        one.wrap(KEK, context=b"c")
    assert "169.254.169.254" in caught.value.reason
    assert "APPLIANCE_EGRESS_ALLOW" in caught.value.reason


def test_replicas_of_a_key_are_one_root_and_other_keys_are_not(tmp_path: Path) -> None:
    def mark(arn: str) -> bytes:
        spec = f"aws-kms:{arn}"
        return root_of(spec, secrets=tmp_path, egress=Egress()).fingerprint()

    many = ARN.replace("key/1234abcd-12ab-34cd-56ef-1234567890ab", "key/mrk-1234abcd12ab34cd56ef1234567890ab")
    assert mark(many) == mark(many.replace("eu-central-1", "eu-west-1"))
    assert mark(ARN) != mark(ARN.replace("eu-central-1", "eu-west-1"))
    assert mark(ARN) != mark(ARN.replace("111122223333", "111122223334"))
    assert mark(ARN) != mark(ARN[:-1] + "c")


# AWS's Signature Version 4 test suite (docs.aws.amazon.com, "Signature Version 4 test suite"): name, method, path, headers,
# content, signature.
VECTORS: tuple[tuple[str, str, str, dict[str, str], bytes, str], ...] = (
    ("get-vanilla", "GET", "/", {}, b"", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    ("post-vanilla", "POST", "/", {}, b"", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    ("get-vanilla-empty-query-key", "GET", "/?Param1=value1", {}, b"", "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"),
    ("get-vanilla-query-order-key-case", "GET", "/?Param2=value2&Param1=value1", {}, b"", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
    (
        "post-x-www-form-urlencoded", "POST", "/", {"Content-Type": "application/x-www-form-urlencoded"},
        b"Param1=value1", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
    (
        "get-header-value-trim", "GET", "/", {"My-Header1": " value1", "My-Header2": ' "a   b   c"'},
        b"", "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
    (
        "post-header-value-case", "POST", "/", {"My-Header1": "VALUE1"},
        b"", "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
    ),
    (
        "get-unreserved", "GET", "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", {},
        b"", "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    ),
)  # fmt: skip


@pytest.mark.parametrize(("name", "method", "path", "headers", "content", "signature"), VECTORS)
def test_it_signs_as_aws_does(
    name: str, method: str, path: str, headers: dict[str, str], content: bytes, signature: str
) -> None:
    credentials = AwsCredentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")

    said = signed(
        method, f"https://example.amazonaws.com{path}", headers, content, credentials=credentials,
        region="us-east-1", service="service", now=datetime(2015, 8, 30, 12, 36, tzinfo=UTC),
    )  # fmt: skip

    assert said["authorization"].endswith(f"Signature={signature}")
    assert "wJalr" not in repr(credentials)
