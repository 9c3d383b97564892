"""ONNX Runtime, told to keep to itself: the only importer of `onnxruntime`.

Since 1.29 its official builds for Linux report each start and each model to their maker, by default (its Privacy.md). The
variable is read once, when the library begins, and ends all of it: no report, no queue on disk, no number of this machine.
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime  # what is set above is read while it is loaded

onnxruntime.disable_telemetry_events()

__all__ = ["onnxruntime"]
