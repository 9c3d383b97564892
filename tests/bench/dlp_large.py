"""What a document of 100 MB costs the rules: time at 12.5, 25, 50 and 100 MB, and memory, in a process of its own."""

import json
import resource
import subprocess
import sys
import time
from itertools import count, islice
from typing import Final

from appliance.dlp import Engine

Result = dict[str, str | float]
_WINDOW: Final = 400_000
"""As long as the pieces in which the text of documents is looked at (decision 0044)."""
_WINDOWS: Final = (31, 62, 125, 250)


def run() -> list[Result]:
    """Measure it."""
    told = json.loads(subprocess.run([sys.executable, "-m", __name__], check=True, stdout=subprocess.PIPE, text=True).stdout)
    first, last = told["seconds"][0], told["seconds"][-1]
    by_size = ", ".join(f"{size * _WINDOW / 1e6:.1f} MB {spent:.1f} s" for size, spent in zip(_WINDOWS, told["seconds"], strict=True))
    return [
        {"name": "dlp.document_100_mb_s", "value": last, "unit": f"CPU seconds; {by_size}"},
        {"name": "dlp.document_8_times_as_long", "value": last / first, "unit": "times the CPU"},
        {"name": "dlp.document_100_mb_mib", "value": told["most"], "unit": f"MiB at most, {told['before']:.0f} before"},
    ]


def _measure() -> None:
    from tests.bench.dlp import mixed_text

    rules, mixed = Engine(), mixed_text()
    rules.inspect(mixed[:_WINDOW])
    before, began, seconds = _mebibytes(), time.process_time(), []
    for number in islice(count(1), _WINDOWS[-1]):
        at = number * 7_919 % (len(mixed) - _WINDOW)
        rules.inspect(mixed[at : at + _WINDOW])
        if number in _WINDOWS:
            seconds.append(time.process_time() - began)
    json.dump({"seconds": seconds, "before": before, "most": _mebibytes()}, sys.stdout)


def _mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    _measure()
