"""What a request costs this process: time of the processor, and memory at its peak."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

_PROCESS = Path("/proc/self")


@dataclass
class Cost:
    """Measures a block. `clock` is whose time counts: the process's, or this thread's where a provider of the test runs in another."""

    clock: Callable[[], float] = time.process_time
    seconds: float = 0.0
    kilobytes: int = 0

    def __enter__(self) -> Self:
        # Else the peak of an earlier test would hide that of this one (proc(5), clear_refs).
        (_PROCESS / "clear_refs").write_text("5")
        self._before, self._began = _status("VmRSS"), self.clock()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.seconds, self.kilobytes = self.clock() - self._began, _status("VmHWM") - self._before


def _status(name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB$", (_PROCESS / "status").read_text(), re.MULTILINE)
    assert found is not None, name
    return int(found[1])
