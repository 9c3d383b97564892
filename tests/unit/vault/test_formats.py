"""Golden files of what the vault keeps: each format version opens for ever, by the keys of its time."""

from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest

from appliance.kernel.db import Tx
from appliance.kernel.egress import Egress
from appliance.kernel.ids import TenantId
from appliance.kernel.sealing import IntegrityError
from appliance.vault import KekId, KeyFiles, RootChoice, roots_in_use
from appliance.vault.keys import Wrapped, open_data_key
from appliance.vault.providing import ModelProvider, ProviderId, ProviderKind
from appliance.vault.providing.envelope import open_key
from appliance.vault.roots.frames import KMS, TRANSIT, unframe
from appliance.vault.service import Vault
from appliance.vault.values import End

VECTORS = Path(__file__).parents[2] / "vectors"
KEK = KekId(TenantId(UUID(int=1)), UUID(int=2))
BEDROCK = "https://bedrock-runtime.eu-central-1.amazonaws.com"


def golden(name: str) -> bytes:
    return bytes.fromhex((VECTORS / name).read_text().strip())


@pytest.fixture
def files(tmp_path: Path) -> KeyFiles:
    """The key file of version 1 under the root key 00 01 … 1f."""
    root, key = tmp_path / "root.key", tmp_path / "keys" / str(KEK.tenant_id) / f"{KEK.number}.key"
    root.write_bytes(bytes(range(32)))
    root.chmod(0o400)
    key.parent.mkdir(parents=True)
    key.write_bytes(golden("key-file-1.hex"))
    return KeyFiles(tmp_path / "keys", roots_in_use(RootChoice(), secrets=tmp_path, egress=Egress()))


def test_a_key_file_opens_for_ever(files: KeyFiles) -> None:
    assert files.open(KEK) == bytes(range(32, 64))


def test_a_wrapped_data_key_opens_for_ever(files: KeyFiles) -> None:
    wrapped = golden("data-key-1.hex")

    assert open_data_key(files, Wrapped(KEK, 7, wrapped)) == bytes(range(64, 96))
    with pytest.raises(IntegrityError):
        open_data_key(files, Wrapped(KEK, 8, wrapped))


def test_a_proof_of_a_keys_end_holds_for_ever(files: KeyFiles) -> None:
    assert files.proven_end(KEK, golden("key-end-1.hex")) is End.ALL


class Opened:
    """Stands in for the vault: what it unsealed of a provider's key."""

    def unseal_secret(self, *_: object) -> bytearray:
        return bytearray(golden("provider-key-1.hex"))


@pytest.mark.parametrize(
    ("change", "opens"),
    [({}, True), ({"base_url": "https://elsewhere.example"}, False), ({"region": "us-east-1"}, False)],
    ids=["same", "address", "region"],
)
def test_a_providers_key_opens_for_ever_for_its_destination_alone(change: dict[str, Any], opens: bool) -> None:
    place = {"base_url": BEDROCK, "region": "eu-central-1"} | change
    provider = ModelProvider(
        ProviderId(UUID(int=3)), "own", ProviderKind.BEDROCK, place["base_url"], place["region"], is_shared=False
    )
    vault, tx = cast("Vault", Opened()), cast("Tx", None)
    if opens:
        assert open_key(tx, vault, UUID(int=4), b"", provider).reveal() == "sk-vector"
        return
    with pytest.raises(IntegrityError, match="sealed"):
        open_key(tx, vault, UUID(int=4), b"", provider)


@pytest.mark.parametrize(
    ("kind", "framed"),
    [
        (TRANSIT, "1166fba4e2bc7fd1ff47791341322c548e636f6e74656e74"),
        (KMS, "13ceaca50002f4740e13f8bf6ed0d3f0ed636f6e74656e74"),
    ],
    ids=["transit", "kms"],
)
def test_what_a_service_wrapped_is_taken_out_of_its_frame_for_ever(kind: bytes, framed: str) -> None:
    assert unframe(kind, bytes.fromhex(framed), root=bytes(32), context=b"kek") == b"content"
