"""An extension of Griffe: the help of an option is its docstring, and its value the default."""

from __future__ import annotations

import ast
import dataclasses
from importlib import import_module
from typing import Any

import griffe


class OptionHelp(griffe.Extension):
    """Reads ``name: kind = option(default, help="...")`` as a documented attribute with that default."""

    def on_attribute_instance(self, *, node: ast.AST | griffe.ObjectNode, attr: griffe.Attribute, **_: Any) -> None:
        """Called for every attribute that Griffe finds."""
        call = node.value if isinstance(node, ast.AnnAssign) else None
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "option"):
            return
        default = call.args[0] if call.args else None
        attr.value = griffe.safe_get_expression(default, parent=attr.parent) if default else None
        # Some texts hold numbers of the code: only the field itself has them all.
        fields = dataclasses.fields(getattr(import_module(attr.module.path), attr.parent.name))
        (text,) = [field.metadata["help"] for field in fields if field.name == attr.name]
        attr.docstring = griffe.Docstring(text, parent=attr)
