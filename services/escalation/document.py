"""YAML (and so JSON) with the line of every value, for errors that point at the place."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import yaml

MOST_BYTES = 256_000
_MOST_NODES = 20_000
_MOST_DEPTH = 20

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: the line (from 1), the key's path in the document, and what would be right."""

    line: int
    path: Path
    message: str

    @property
    def key(self) -> str:
        """The path as people write it: clocks[3].limit."""
        return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path).lstrip(".")

    @property
    def pointer(self) -> str:
        """The path as a JSON pointer."""
        return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in self.path)

    def __str__(self) -> str:
        return f"{self.line}: {self.key + ': ' if self.path else ''}{self.message}"


class Faulty(ValueError):
    """A document that cannot be used, with everything that is wrong in it."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


@dataclass
class Document:
    """Plain values, and the line of each path."""

    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict)

    def line(self, path: Path) -> int:
        """The line of a path, or of the nearest thing around it that is there."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def fault(self, path: Path, message: str) -> Fault:
        return Fault(self.line(path), path, message)


def read(text: str) -> Document:
    """Read one document. Raises Faulty: not YAML, a key twice, aliases without end, too large."""
    if len(text) > MOST_BYTES:
        raise Faulty([Fault(1, (), f"longer than {MOST_BYTES} characters")])
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        what = getattr(error, "problem", None) or getattr(error, "reason", None) or "not readable"
        raise Faulty([Fault(mark.line + 1 if mark else 1, (), f"not YAML: {what}")]) from None
    except RecursionError:
        raise Faulty([Fault(1, (), "nested too deeply")]) from None
    if root is None:
        raise Faulty([Fault(1, (), "the document is empty")])
    document = Document()
    document.data = _Reader(document).value(root, ())
    return document


class _Reader:
    def __init__(self, document: Document) -> None:
        self.document, self.nodes = document, 0
        self.scalars = yaml.SafeLoader("")

    def value(self, node: yaml.Node, path: Path) -> Any:
        line = node.start_mark.line + 1
        self.nodes += 1
        if self.nodes > _MOST_NODES or len(path) > _MOST_DEPTH:
            raise Faulty([Fault(line, path, "nested too deeply, or too many values")])
        self.document.lines.setdefault(path, line)
        if isinstance(node, yaml.MappingNode):
            return self._map(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(child, (*path, n)) for n, child in enumerate(node.value)]
        try:
            return self.scalars.construct_object(node)
        except (yaml.YAMLError, ValueError):
            raise Faulty([Fault(line, path, f"{node.value[:40]!r} is not a value of its kind")]) from None

    def _map(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, child in node.value:
            line = key_node.start_mark.line + 1
            key = self.scalars.construct_object(key_node) if isinstance(key_node, yaml.ScalarNode) else None
            if not isinstance(key, Hashable) or key is None:
                raise Faulty([Fault(line, path, "a key must be a word")])
            name = str(key)
            if name in found:
                raise Faulty([Fault(line, (*path, name), "this key stands here twice")])
            self.document.lines[*path, name] = line
            found[name] = self.value(child, (*path, name))
        return found
