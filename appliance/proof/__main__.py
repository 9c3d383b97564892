"""python -m appliance.proof PACKAGE: exit code 0 intact, 1 altered, 2 incomplete. A .jsonl export of the whole log too."""

import sys
from pathlib import Path

from appliance.proof import program
from appliance.proof.export import verify

_LONGEST = 1 << 20
"""Characters of a line that are read at once. Entries are shorter; a longer line is read in pieces, of which none is an entry."""


def main() -> None:
    """Check one package, or one plain export."""
    if len(sys.argv) == 2 and sys.argv[1].endswith(".jsonl"):  # noqa: PLR2004 - the program and its file
        _check_lines(sys.argv[1])
    program.main()


def _check_lines(path: str) -> None:
    try:
        with Path(path).open(encoding="utf-8", newline="\n") as file:  # as it is: a line end of another kind is a change
            verdict = verify(iter(lambda: file.readline(_LONGEST), ""))
    except (OSError, UnicodeDecodeError) as error:
        sys.exit(f"{path} cannot be read as an export: {error}")
    print(f"entries {verdict.entries}\nroot    {verdict.root}")
    sys.exit(f"NOT INTACT: {verdict.fault}" if verdict.fault else 0)


if __name__ == "__main__":
    main()
