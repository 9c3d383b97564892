"""A process that holds keys leaves no picture of its memory behind."""

import subprocess
import sys
from pathlib import Path

DIES = """
import ctypes, os
from appliance.kernel.memory import close_memory
close_memory()
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), flush=True)  # PR_GET_DUMPABLE
key = b"sk-planted-" + b"in memory"
os.abort()
"""


def test_a_process_that_dies_with_a_key_leaves_no_core(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    died = subprocess.run(
        ["/bin/sh", "-c", f"ulimit -c unlimited 2>/dev/null; cd {tmp_path} && exec {sys.executable} -c '{DIES}'"],
        capture_output=True, text=True, check=False, env={"PYTHONPATH": str(root)},
    )  # fmt: skip

    assert died.returncode != 0
    assert died.stdout == "0\n", died.stderr
    assert list(tmp_path.iterdir()) == []
