"""Names of a room that are loaded when somebody uses them, so that a process holds the rooms that it serves, and little else."""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module


def later(package: str, names: Mapping[str, Sequence[str]]) -> Callable[[str], object]:
    """Return a package's `__getattr__` (PEP 562), which imports a name when it is first used. `names` are names by submodule.

    The package imports the same names under `TYPE_CHECKING`, for the checks of types and imports. Raises AttributeError for others.
    """
    found_in = {name: f"{package}.{module}" for module, its in names.items() for name in its}

    def find(name: str) -> object:
        if name not in found_in:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found: object = getattr(import_module(found_in[name]), name)
        setattr(sys.modules[package], name, found)
        return found

    return find
