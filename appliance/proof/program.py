"""The verifier's command line."""

import argparse
import sys
from pathlib import Path

from appliance.proof.verify import INCOMPLETE, Known, verify_package


def main(arguments: list[str] | None = None) -> None:
    """Check one package, say what is proven, and end with the exit code for it."""
    parser = argparse.ArgumentParser(
        description="Checks a package of the audit log. Exit code 0: intact, 1: altered, 2: incomplete or not readable."
    )
    parser.add_argument("package", help="the ZIP")
    parser.add_argument("--earlier", metavar="FILE", help="a checkpoint (.note) of before: the log must continue it")
    parser.add_argument("--key", metavar="KEY", help="the log's public key that you know, as the audit page shows it")
    parser.add_argument("--witness", metavar="KEY", action="append", default=[], help="the public key of a witness")
    asked = parser.parse_args(arguments)
    try:
        earlier = None if asked.earlier is None else Path(asked.earlier).read_text(encoding="utf-8")
        report = verify_package(asked.package, Known(earlier, asked.key, tuple(asked.witness)))
    except (OSError, UnicodeDecodeError) as error:
        sys.stderr.write(f"It cannot be read: {error}\n")
        sys.exit(INCOMPLETE)
    sys.stdout.write(f"{report}\n")
    sys.exit(report.status)
