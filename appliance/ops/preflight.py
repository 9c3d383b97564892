"""Checks before anything starts: each has a remedy."""

import os
import shutil
import socket
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_MEGABYTE = 1_000_000
_DISK_FAIL, _DISK_WARN = 200 * _MEGABYTE, 1_000 * _MEGABYTE
_MEMORY_WARN = 2_000 * _MEGABYTE


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """One check's result; `remedy` is what to do about it."""

    name: str
    level: Level
    detail: str
    remedy: str = ""


def check_host(*, data_directory: Path, host: str, port: int | None) -> list[Finding]:
    """Return the findings about this host. `port` None leaves the port out (the house is running)."""
    findings = [check_python(sys.version_info[:2]), check_disk(data_directory), check_memory()]
    if port is not None:
        findings.append(check_port(host, port))
    return findings


def check_export_folder(folder: Path) -> Finding:
    """The folder for packages of the audit log is there, and may be written to."""
    if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
        return Finding("exports", Level.OK, str(folder))
    remedy = "Make it, let the worker's user write to it, or name another one in APPLIANCE_EXPORT_FOLDER. Packages wait for a week."
    return Finding("exports", Level.WARN, f"{folder} is no folder that can be written to", remedy)


def check_python(version: tuple[int, ...]) -> Finding:
    """Python 3.11 or newer."""
    text = ".".join(map(str, version))
    if version < (3, 11):
        return Finding("python", Level.FAIL, f"Python {text} is too old", "Install Python 3.11 or newer.")
    return Finding("python", Level.OK, text)


def check_port(host: str, port: int) -> Finding:
    """Nobody else listens there."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            remedy = f"Stop the program that uses it, or choose another: APPLIANCE_PORT={port + 1} make run"
            return Finding("port", Level.FAIL, f"port {port} on {host} is not free ({error.strerror})", remedy)
    return Finding("port", Level.OK, f"{host}:{port}")


def check_disk(directory: Path) -> Finding:
    """Room for documents and for the database's own log."""
    while not directory.exists():
        directory = directory.parent
    free = shutil.disk_usage(directory).free
    detail = f"{free // _MEGABYTE:,} MB free at {directory}"
    if free < _DISK_FAIL:
        return Finding(
            "disk", Level.FAIL, f"the disk is full: {detail}", "Free some space, or choose another APPLIANCE_DATA_DIR."
        )
    if free < _DISK_WARN:
        return Finding("disk", Level.WARN, detail, "Free some space before uploading much.")
    return Finding("disk", Level.OK, detail)


def check_memory() -> Finding:
    """Two gigabytes: the local model is held by web and worker."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    detail = f"{total // _MEGABYTE:,} MB of memory"
    if total < _MEMORY_WARN:
        return Finding("memory", Level.WARN, detail, "Give this host at least 2 GB.")
    return Finding("memory", Level.OK, detail)
