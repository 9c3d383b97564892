"""Takes away what a parser does not need: files, sockets, programs, other processes, memory, time.

Three layers that do not lean on each other. The seccomp filter is the one that must hold, or nothing is parsed:
it names the few calls that computing needs and answers EPERM to all others, so that a call nobody thought of is
refused too. No file can be opened after it, neither for writing nor for reading: not even the key files beside the
documents. Namespaces (no network device, no shared memory of others) and Landlock (no path, no TCP, no signal to
others) are added where the host has them, against a hole in the first.

Sources: seccomp(2), landlock(7), user_namespaces(7), and the kernel's syscall tables.
"""

import ctypes
import os
import platform
import resource
import signal
import struct

OUTPUT_BYTES = 250_000_000

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_FILTER_MODE = 2
_NEW_IPC, _NEW_USER, _NEW_NET = 0x08000000, 0x10000000, 0x40000000

_LOAD, _EQUALS, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data, low half on little-endian
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050001, 0x80000000  # refuse: SECCOMP_RET_ERRNO | EPERM
_X32 = 0x40000000

# name: (audit architecture, tgkill, calls that computing on open descriptors needs).
_ARCHITECTURES: dict[str, tuple[int, int, tuple[int, ...]]] = {
    "x86_64": (
        0xC000003E, 234,
        (
            0, 1, 3, 5, 8, 17, 19, 20,  # read, write, close, fstat, lseek, pread64, readv, writev
            9, 10, 11, 12, 25, 28,  # mmap, mprotect, munmap, brk, mremap, madvise
            13, 14, 15, 131,  # rt_sigaction, rt_sigprocmask, rt_sigreturn, sigaltstack
            24, 35, 96, 98, 201, 228, 229, 230,  # sched_yield, nanosleep, gettimeofday, getrusage, time, clock_*
            39, 186, 202, 318, 334,  # getpid, gettid, futex, getrandom, rseq
            60, 231,  # exit, exit_group
        ),
    ),
    "aarch64": (
        0xC00000B7, 131,
        (
            63, 64, 57, 80, 62, 67, 65, 66,  # the same calls in the same order; `time` does not exist here
            222, 226, 215, 214, 216, 233,
            134, 135, 139, 132,
            124, 101, 169, 165, 113, 114, 115,
            172, 178, 98, 278, 293,
            93, 94,
        ),
    ),
}  # fmt: skip

_CREATE_RULESET, _RESTRICT_SELF = 444, 446  # one number on every architecture
_ASK_VERSION = 1
# What each version of Landlock can refuse: (paths, TCP, scopes).
_RIGHTS = {
    1: ((1 << 13) - 1, 0, 0),
    2: ((1 << 14) - 1, 0, 0),
    3: ((1 << 15) - 1, 0, 0),
    4: ((1 << 15) - 1, 3, 0),
    5: ((1 << 16) - 1, 3, 0),
    6: ((1 << 16) - 1, 3, 3),
}


class NotConfined(Exception):
    """This host cannot confine a parser, so nothing is parsed."""


def limit(*, cpu_seconds: int, memory_bytes: int = 1_500_000_000) -> None:
    """Bound memory, time and output; no core file, since it would hold the document."""
    # Python ignores this signal; the parent tells "too much text" by it.
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    for what, soft, hard in (
        (resource.RLIMIT_AS, memory_bytes, memory_bytes),
        # Apart, so that the end is SIGXCPU: SIGKILL then means that the host ran out of memory.
        (resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + 2),
        (resource.RLIMIT_FSIZE, OUTPUT_BYTES, OUTPUT_BYTES),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_NOFILE, 32, 32),
    ):
        resource.setrlimit(what, (soft, hard))


def confine(parent: int) -> tuple[str, ...]:
    """Refuse files, sockets and processes from here on; die with the parent. Return the layers that hold.

    Raises NotConfined where the filter cannot be set.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    layers = ["namespaces"] if leave_namespaces(libc) else []
    # After the namespaces: the kernel forgets this setting when a process changes its credentials.
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)  # the parent died before the line above
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise NotConfined(f"no_new_privs: errno {ctypes.get_errno()}")
    layers += ["landlock"] if forbid_paths(libc) else []
    filter_calls(libc)
    return (*layers, "seccomp")


def leave_namespaces(libc: ctypes.CDLL) -> bool:
    """Leave the host's network and shared memory; return whether the host allows it."""
    return bool(libc.unshare(_NEW_USER | _NEW_NET | _NEW_IPC) == 0)


def forbid_paths(libc: ctypes.CDLL) -> bool:
    """Forbid every path, TCP and signals to others by a Landlock ruleset without an exception; False where absent."""
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_VERSION)
    if version < 1:
        return False
    ruleset = ctypes.create_string_buffer(struct.pack("QQQ", *_RIGHTS[min(version, max(_RIGHTS))]), 24)
    # Kernels that know less than the structure accept it as long as what they do not know is zero.
    descriptor = libc.syscall(_CREATE_RULESET, ruleset, ctypes.c_size_t(24), 0)
    if descriptor < 0:
        return False
    is_restricted = libc.syscall(_RESTRICT_SELF, descriptor, 0) == 0
    os.close(descriptor)
    return bool(is_restricted)


def filter_calls(libc: ctypes.CDLL) -> None:
    """Set the filter, and see that it works. Raises NotConfined."""
    program = _program()
    instructions = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(instructions))
    fprog = ctypes.create_string_buffer(header, len(header))
    if libc.prctl(_PR_SET_SECCOMP, _FILTER_MODE, fprog, 0, 0):
        raise NotConfined(f"seccomp: errno {ctypes.get_errno()}")
    _prove(libc)


def _program() -> bytes:
    try:
        architecture, tgkill, allowed = _ARCHITECTURES[platform.machine()]
    except KeyError as error:
        raise NotConfined(f"no filter for {platform.machine()}") from error
    code = [(_LOAD, 0, 0, _ARCHITECTURE), (_EQUALS, 1, 0, architecture), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, _NUMBER)]
    code += [(_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _REFUSE)]
    for number in allowed:
        code += [(_EQUALS, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    # A signal to itself alone: so that abort() ends as SIGABRT, which the parent reads as "out of memory".
    code += [(_EQUALS, 0, 3, tgkill), (_LOAD, 0, 0, _FIRST_ARGUMENT), (_EQUALS, 0, 1, os.getpid())]
    code += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    return b"".join(struct.pack("HBBI", *instruction) for instruction in code)


def _prove(libc: ctypes.CDLL) -> None:
    # A filter that the kernel took but does not apply (an emulated kernel) is no filter. Asked by a call that
    # Landlock and namespaces leave alone, so that they cannot stand in for it.
    if libc.dup(0) >= 0:
        raise NotConfined("the filter has no effect")
