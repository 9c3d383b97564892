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
    parser.add_argument("--checkpoint", metavar="'SIZE LETTERS'", help="an earlier checkpoint as it stands on paper")
    parser.add_argument("--witness", metavar="KEY", action="append", default=[], help="the public key of a witness")
    parser.add_argument("--stamps-ca", metavar="FILE", help="certificates of the time-stamping authority (needs openssl)")
    parser.add_argument("--stamp", metavar="FILE", help="the time stamp over the checkpoint given by --earlier")
    parser.add_argument("--since", metavar="DAY", help="since when there are witnesses or time stamps; by default, always")
    parser.add_argument("--epoch", metavar="NUMBER", type=int, help="the newest epoch of the log that you were told of")
    asked = parser.parse_args(arguments)
    try:
        earlier = None if asked.earlier is None else Path(asked.earlier).read_text(encoding="utf-8")
        for given in (asked.stamps_ca, asked.stamp):
            if given is not None:
                Path(given).read_bytes()
        known = Known(
            earlier, asked.key, tuple(asked.witness), asked.checkpoint, asked.epoch, asked.stamps_ca, asked.stamp, asked.since
        )
        report = verify_package(asked.package, known)
    except (OSError, UnicodeDecodeError) as error:
        sys.stderr.write(f"It cannot be read: {error}\n")
        sys.exit(INCOMPLETE)
    encoding = sys.stdout.encoding or "utf-8"  # a character that it lacks must not end this with the exit code of an altered package
    sys.stdout.write(f"{report}\n".encode(encoding, "backslashreplace").decode(encoding))
    sys.exit(report.status)
