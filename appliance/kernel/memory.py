"""Keys pass through a process's memory: nobody gets a picture of it.

No core file is written (RLIMIT_CORE), and no process of the same user may attach or read the memory
(PR_SET_DUMPABLE, prctl(2)). Root still may: who is root on the host can do anything. The console, `appliance run` with
what it starts, gunicorn's master, web and worker begin with it.
"""

import ctypes
import resource

_PR_SET_DUMPABLE = 4


def close_memory() -> None:
    """Close this process's memory to core dumps and to other processes of its user, until it runs another program."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
