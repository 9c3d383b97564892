"""Takes away what a parser does not need: files, sockets, programs, other processes, memory, time.

Limits are set first (setrlimit), then a seccomp filter (Linux, prctl PR_SET_SECCOMP) answers EPERM to
every call that opens a file, makes a socket or starts a process. No file can be opened at all after
that, neither for writing nor for reading: not even the key files beside the data. Standard input and
output are open already.
"""

import ctypes
import os
import platform
import resource
import signal
import struct

MEMORY_BYTES = 1_500_000_000
OUTPUT_BYTES = 64_000_000

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_FILTER_MODE = 2
_LOAD, _EQUALS, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050001, 0x80000000  # refuse: SECCOMP_RET_ERRNO | EPERM
_X32 = 0x40000000

# Numbers from the kernel's syscall tables: (audit architecture, refused calls).
_ARCHITECTURES: dict[str, tuple[int, tuple[int, ...]]] = {
    "x86_64": (
        0xC000003E,
        (
            2, 85, 257, 437,  # open, creat, openat, openat2
            41, 42, 43, 44, 46, 49, 50, 53, 288,  # socket, connect, accept, sendto, sendmsg, bind, listen, socketpair, accept4
            56, 57, 58, 435, 59, 322,  # clone, fork, vfork, clone3, execve, execveat
            62, 200, 234, 101, 310, 311, 424, 434, 438,  # kill, tkill, tgkill, ptrace, process_vm_*, pidfd_*
            82, 83, 84, 86, 87, 88, 90, 92, 161, 165, 263, 264, 316,  # rename, mkdir, rmdir, link, unlink, symlink, chmod, chown, …
            272, 308, 321, 323, 425,  # unshare, setns, bpf, userfaultfd, io_uring_setup
        ),
    ),
    "aarch64": (
        0xC00000B7,
        (
            56, 437,  # openat, openat2
            198, 199, 200, 201, 202, 203, 206, 211, 242,  # socket, socketpair, bind, listen, accept, connect, sendto, sendmsg, accept4
            220, 435, 221, 281,  # clone, clone3, execve, execveat
            129, 130, 131, 117, 270, 271, 424, 434, 438,  # kill, tkill, tgkill, ptrace, process_vm_*, pidfd_*
            34, 35, 36, 37, 38, 40, 51, 52, 53, 54, 55, 276,  # mkdirat, unlinkat, symlinkat, linkat, renameat, mount, …
            97, 268, 280, 282, 425,  # unshare, setns, bpf, userfaultfd, io_uring_setup
        ),
    ),
}  # fmt: skip


class NotConfined(Exception):
    """This host cannot confine a parser, so nothing is parsed."""


def limit(*, cpu_seconds: int) -> None:
    """Bound memory, time and output; no core file, since it would hold the document."""
    for what, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, OUTPUT_BYTES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 32),
    ):
        resource.setrlimit(what, (most, most))


def confine(parent: int) -> None:
    """Refuse files, sockets and processes from here on; die with the parent. Raises NotConfined."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)  # the parent died before the line above
    program = _program()
    instructions = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(instructions))
    fprog = ctypes.create_string_buffer(header, len(header))
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(_PR_SET_SECCOMP, _FILTER_MODE, fprog, 0, 0):
        raise NotConfined(f"prctl: errno {ctypes.get_errno()}")
    _prove()


def _program() -> bytes:
    try:
        architecture, refused = _ARCHITECTURES[platform.machine()]
    except KeyError as error:
        raise NotConfined(f"no filter for {platform.machine()}") from error
    code = [(_LOAD, 0, 0, 4), (_EQUALS, 1, 0, architecture), (_RETURN, 0, 0, _KILL), (_LOAD, 0, 0, 0)]
    to_refusal = len(refused) + 1
    code.append((_AT_LEAST, to_refusal, 0, _X32))
    for place, number in enumerate(refused):
        code.append((_EQUALS, len(refused) - place, 0, number))
    code += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    return b"".join(struct.pack("HBBI", *instruction) for instruction in code)


def _prove() -> None:
    # A filter that the kernel took but does not apply (an emulated kernel) is no filter.
    try:
        os.close(os.open("/dev/null", os.O_RDONLY))
    except PermissionError:
        return
    raise NotConfined("the filter has no effect")
