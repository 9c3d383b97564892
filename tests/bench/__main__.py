"""`make bench ONLY=suite`: runs the suites, prints a table, writes build/bench.json as a list of {name, value, unit}."""

import importlib
import json
import sys
from pathlib import Path

SUITES = ("models", "parsing", "knowledge", "isolation", "vault", "audit", "web", "gateway", "dlp", "signon")
PARTS = ("grounding", "streams")
"""Parts of a suite, run only by name."""
TARGET = Path("build/bench.json")


def main() -> None:
    """Run the chosen suites, or all."""
    chosen = sys.argv[1:] or SUITES
    unknown = set(chosen) - {*SUITES, *PARTS}
    if unknown:
        sys.exit(f"no such suite: {', '.join(sorted(unknown))}. There are: {', '.join((*SUITES, *PARTS))}")
    results = []
    for suite in chosen:
        print(f"{suite} …", file=sys.stderr, flush=True)
        results += importlib.import_module(f"tests.bench.{suite}").run()
    width = max(len(str(result["name"])) for result in results)
    for result in results:
        print(f"{result['name']:<{width}}  {result['value']:>12,.3f}  {result['unit']}")
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
