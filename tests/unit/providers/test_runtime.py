"""The runtime of local models tells nobody what it does."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.product import ROOT

_RUNS = """
import time
import numpy as np
from pathlib import Path
from appliance.providers.local import onnx_file
from appliance.providers.local.runtime import onnxruntime
with Path("m.onnx").open("wb") as sink:
    onnx_file.write(sink, [onnx_file.node("Neg", ["x"], ["y"])], [], [onnx_file.signal("x", onnx_file.FLOAT, [1])], [onnx_file.signal("y", onnx_file.FLOAT, [1])])
onnxruntime.InferenceSession("m.onnx", providers=["CPUExecutionProvider"]).run(None, {"x": np.ones(1, np.float32)})
time.sleep(0.3)
"""


def test_it_keeps_no_record_for_its_maker(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_", "CI", "GITHUB_", "TF_"))}
    ended = subprocess.run(
        [sys.executable, "-c", _RUNS], cwd=tmp_path, env=kept | {"HOME": str(home), "PYTHONPATH": str(ROOT)}, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert [str(path) for path in home.rglob("*")] == [], "it noted something to be sent"
