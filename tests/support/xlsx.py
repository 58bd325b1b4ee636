"""The first sheet of an Excel file as rows of text, from the standard library alone."""

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree
from zipfile import ZipFile

_NS = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def rows(path: Path) -> Iterator[dict[str, str]]:
    """Each row as column letter → text; numbers as they stand in the file."""
    with ZipFile(path) as book:
        shared = [
            "".join(t.text or "" for t in item.iter(f"{_NS}t"))
            for item in ElementTree.fromstring(book.read("xl/sharedStrings.xml")).iter(f"{_NS}si")
        ]
        for row in ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml")).iter(f"{_NS}row"):
            yield {_column(cell): _value(cell, shared) for cell in row.iter(f"{_NS}c")}


def _column(cell: ElementTree.Element) -> str:
    return "".join(c for c in cell.attrib["r"] if c.isalpha())


def _value(cell: ElementTree.Element, shared: list[str]) -> str:
    if cell.get("t") == "inlineStr":
        return "".join(t.text or "" for t in cell.iter(f"{_NS}t"))
    value = cell.find(f"{_NS}v")
    text = value.text or "" if value is not None else ""
    return shared[int(text)] if cell.get("t") == "s" and text else text
