"""What the source says of fields and values: the text under each, for schemas and pages. Read when one is made, so that
an import pays nothing for it."""

import ast
import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from types import ModuleType

from protocol import asides, bounds, errors, message, messages, parts, units, words


def text_of(owner: type, name: str) -> str:
    """What stands under a field or value of a class, or of one that it is made of; empty where nothing does."""
    known = _texts()
    return next((known[cls.__name__][name] for cls in owner.__mro__ if name in known.get(cls.__name__, {})), "")


def about(owner: type) -> str:
    """What a class says of itself, on one line; empty where it says nothing."""
    return _line(owner.__dict__.get("__doc__") or "")


def class_of(name: str) -> type:
    """The class of ours that a schema calls so."""
    found = next(getattr(module, name) for module in (messages, units, errors) if hasattr(module, name))
    assert isinstance(found, type)
    return found


@cache
def _texts() -> Mapping[str, Mapping[str, str]]:
    modules = messages, message, asides, parts, words, errors, units, bounds
    return {name: texts for module in modules for name, texts in _classes(module)}


def _classes(module: ModuleType) -> Iterator[tuple[str, dict[str, str]]]:
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.ClassDef):
            yield node.name, dict(_under(node))


def _under(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, text in zip(node.body, node.body[1:], strict=False):
        if not isinstance(text, ast.Expr) or not isinstance(text.value, ast.Constant):
            continue
        match field:
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                yield name, _line(str(text.value.value))


def _line(text: str) -> str:
    return " ".join(text.split())
