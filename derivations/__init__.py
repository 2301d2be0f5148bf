"""The derivations: ``load("init/kaiming").predict("forward_ratio")(fan_in=512, ...)``.

SymPy is imported only when a derivation is loaded, so that command lines stay quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from derivations.proof import Derivation


def load(row: str) -> Derivation:
    """The derivation of ``row``, or of the file at a path that ends in ``.py``.

    Raises UnknownRow with the nearest names if there is no such row, and ValueError for a file without a
    derivation. A file is Python, and is run: load only what you would run.
    """
    from importlib import import_module

    from derivations.rows import find

    found = find(row)
    if found.endswith(".py"):
        return _load_file(found)
    module = import_module("derivations." + found.replace("/", "."))
    derivation: Derivation = module.DERIVATION
    return derivation


def _load_file(path: str) -> Derivation:
    import sys
    from hashlib import sha256
    from importlib.util import module_from_spec, spec_from_file_location

    from derivations.proof import Derivation

    name = f"derivation_{sha256(path.encode()).hexdigest()[:12]}"
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} is not a Python file")
    sys.modules[name] = module = module_from_spec(spec)
    spec.loader.exec_module(module)
    found = getattr(module, "DERIVATION", None)
    if not isinstance(found, Derivation):
        raise ValueError("it defines no DERIVATION = Derivation(...)")
    return found
