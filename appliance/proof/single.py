"""The verifier as one file, to lie in each package: this package's modules one behind the other, without their imports of each other."""

import ast
from pathlib import Path

_PARTS = ("ed25519", "tree", "note", "rows", "layout", "package", "disclosures", "sshsig", "epochs", "short", "keys", "timestamps", "sights", "entries", "verify",
          "program")  # fmt: skip
_WITNESS = ("ed25519", "tree", "note", "witness")
_HEAD = '''#!/usr/bin/env python3
"""Checks a package of the audit log, with Python 3.11 or newer and nothing else: python3 verify.py PACKAGE.zip

Exit code 0: intact, 1: altered, 2: incomplete. The same code, in modules, is part of the product (appliance/proof).
"""
'''


def source() -> str:
    """Return the file. Names are told apart by their modules' alone: a test runs it."""
    parts = [_HEAD]
    for name in _PARTS:
        text = Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
        parts.append(_without_own_imports(text))
    parts.append('if __name__ == "__main__":\n    main()\n')
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def shell() -> str:
    """Return the verifier that needs no Python."""
    return Path(__file__).with_name("verify.sh").read_text(encoding="utf-8")


def witness() -> str:
    """Return the witness as one file, to be carried to another host."""
    texts = [Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8") for name in _WITNESS]
    return "#!/usr/bin/env python3\n" + "\n\n".join(_without_own_imports(one).strip("\n") for one in texts) + "\n"


def _without_own_imports(text: str) -> str:
    lines = text.splitlines()
    gone = set[int]()
    for node in ast.parse(text).body:
        is_ours = isinstance(node, ast.ImportFrom) and (node.module or "").startswith("appliance.")
        if is_ours:
            gone |= set(range(node.lineno - 1, node.end_lineno or node.lineno))
    return "\n".join(line for at, line in enumerate(lines) if at not in gone)
