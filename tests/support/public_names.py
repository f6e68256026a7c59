"""Every name that others may rely on, with its signature: `python tests/support/public_names.py > docs/public-names.txt`.

Read from the source, so that it is the same on every Python. docs/api.md says what each tier promises.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

ROOT = Path(__file__).resolve().parents[2]
Tier: TypeAlias = dict[str, tuple[str, ...]]

WIRE: Tier = {
    "protocol.messages": (),
    "protocol.units": (),
    "protocol.plan": (),
    "protocol.edges": (),
    "protocol.codec": (),
    "protocol.errors": (),
    "protocol.schema": (),
    "protocol.openadr": (),
}
"""Modules of the first tier; no names: all that a module defines."""
EXTENSION: Tier = {
    "protocol.actor": (),
    "agents.drivers.contract": (),
    "agents.devices.kinds": (),
    "agents.devices.course": ("laid_out",),
    "agents.devices.contract": ("Ask", "Device", "Flexibility", "Segment"),
    "agents.negotiation.policies": (),
    "agents.pytest_plugin": ("recording", "what_if"),
    "agents.tools.replay.what_if": ("Devices", "RecordedRun", "WhatIfResult"),
    "agents.tools.replay.outcome": ("EventOutcome", "PartyOutcome", "UnknownName"),
    "agents.history.party": ("PartyHistory",),
}
"""The second tier. Where a module has `__all__`, what it lists is public, wherever it is defined."""


def listing() -> str:
    """All public names, one a line, tier by tier."""
    lines: list[str] = []
    for title, tier in (("wire", WIRE), ("extension", EXTENSION)):
        lines.append(f"# {title}")
        for module, chosen in tier.items():
            for name in chosen or public(module):
                lines += _of_name(module, name)
    return "\n".join([*lines, ""])


def public(module: str) -> list[str]:
    """The names of a module that are public when none are chosen."""
    tree = _tree(module)
    for node in tree.body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]:
            return list(ast.literal_eval(node.value))
    own = [name for node in tree.body for name in _names(node) if not name.startswith("_")]
    return [name for other in _parts(tree) for name in public(other)] + own


def _parts(tree: ast.Module) -> list[str]:
    """The modules of which a module has all that is public."""
    froms = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    return [node.module or "" for node in froms if [alias.name for alias in node.names] == ["*"]]


def _tree(module: str) -> ast.Module:
    path = ROOT / (module.replace(".", "/") + ".py")
    return ast.parse((path if path.exists() else path.with_suffix("") / "__init__.py").read_text())


def _names(node: ast.stmt) -> list[str]:
    match node:
        case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
            return [node.name]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case ast.Assign(targets=targets):
            return [one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)]
    return []


def _of_name(module: str, name: str) -> list[str]:
    return list(_lines(f"{module}.{name}", _definition(module, name)))


def _definition(module: str, name: str) -> ast.stmt:
    """Where a name is defined: in the module, or where the module has it from. Raises KeyError."""
    for node in _tree(module).body:
        if name in _names(node):
            return node
        if isinstance(node, ast.ImportFrom) and name in [alias.asname or alias.name for alias in node.names]:
            return _definition(node.module or "", next(a.name for a in node.names if name in (a.asname, a.name)))
    for other in _parts(_tree(module)):
        if name in public(other):
            return _definition(other, name)
    raise KeyError(f"{module} has no {name}")


def _lines(full: str, node: ast.stmt, in_class: bool = False) -> Iterator[str]:
    """A name and its signature; of a class its public names too. A constant's value is told where it is simple."""
    match node:
        case ast.ClassDef():
            bases = ", ".join(ast.unparse(base) for base in [*node.bases, *node.keywords])
            yield f"{_decorators(node)}class {full}({bases})" if bases else f"{_decorators(node)}class {full}"
            for inner in node.body:
                for name in _names(inner):
                    if not name.startswith("_") or name.startswith("__"):
                        yield from _lines(f"{full}.{name}", inner, in_class=True)
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            word = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
            returns = f" -> {ast.unparse(node.returns)}" if node.returns is not None else ""
            yield f"{_decorators(node)}{word}{full}({ast.unparse(node.args)}){returns}"
        case ast.AnnAssign():
            tells = in_class or ast.unparse(node.annotation) == "TypeAlias"
            value = f" = {ast.unparse(node.value)}" if node.value is not None and tells else ""
            yield f"{full}: {ast.unparse(node.annotation)}{value}"
        case ast.Assign():
            value = f" = {ast.unparse(node.value)}" if isinstance(node.value, ast.Constant) else ""
            yield f"{full}{value}"


def _decorators(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    return "".join(f"@{ast.unparse(one)} " for one in node.decorator_list)


if __name__ == "__main__":
    print(listing(), end="")
