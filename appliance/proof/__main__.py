"""python -m appliance.proof FILE: exit code 0 intact, 1 altered or incomplete."""

import sys
from pathlib import Path

from appliance.proof.export import verify


def main() -> None:
    """Check one export."""
    if len(sys.argv) != 2:  # noqa: PLR2004 - the program and its file
        sys.exit("usage: python -m appliance.proof export.jsonl")
    try:
        with Path(sys.argv[1]).open(encoding="utf-8") as file:
            verdict = verify(file)
    except (OSError, UnicodeDecodeError) as error:
        sys.exit(f"{sys.argv[1]} cannot be read as an export: {error}")
    print(f"entries {verdict.entries}\nroot    {verdict.root}")
    sys.exit(f"NOT INTACT: {verdict.fault}" if verdict.fault else 0)


if __name__ == "__main__":
    main()
