"""Manifests (RSpec) of CloudLab, Emulab and other GENI testbeds: which computer each node of an experiment is.

Only elements and attributes are read, while the XML is parsed. A document with a DOCTYPE, and so any document with entities of its own, is
refused before they are looked at.
"""

import re
from collections.abc import Mapping
from dataclasses import field
from xml.parsers import expat

from wke.describe.imports.imported import ImportedMachine, ImportedMachines, Importer, ImportSource, port
from wke.values import dataclass

_ROOT = re.compile(r"<(?:[\w.-]+:)?rspec[\s>]")
_WHENCE = "save the manifest when the experiment is ready: the tab Manifest of its page, or `geni-get manifest` on a node"


def recognises(text: str) -> bool:
    """Return whether a text is XML with the root element of an RSpec."""
    return text.lstrip("\ufeff \t\r\n").startswith("<") and _ROOT.search(text) is not None


def read(source: ImportSource) -> ImportedMachines:
    """Return the nodes that have a login. The first address of a node's interfaces is its internal address."""
    manifest = _Manifest()
    parser = expat.ParserCreate(namespace_separator="}")
    parser.StartElementHandler = lambda name, attributes: manifest.begin(_local(name), attributes, parser.CurrentLineNumber)
    parser.EndElementHandler = lambda _: manifest.end()

    def refuse(*_: object) -> None:
        raise source.wrong("has a DOCTYPE, which no manifest has", parser.CurrentLineNumber, "remove it, with all entities")

    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(source.text.lstrip("\ufeff \t\r\n"), True)
    except expat.ExpatError as error:
        raise source.wrong(f"is not XML: {expat.ErrorString(error.code)}", error.lineno, _WHENCE) from None
    nodes = [node for node in manifest.nodes if node.logins]
    if not nodes:
        what = (
            "is a request, which does not say which computers there are" if manifest.kind == "request" else "has no <node> with a <login>"
        )
        raise source.wrong(what, hint=_WHENCE)
    without = [node.name for node in manifest.nodes if not node.logins]
    users = list(dict.fromkeys(login.get("username", "") for node in nodes for login in node.logins))
    notes = [f"{', '.join(without)}: no login is known, so it is left out"] if without else []
    notes += [f"there are logins of {', '.join(users)}; the first one of each node is written"] if len(users) > 1 else []
    return ImportedMachines(tuple(_machine(source, node) for node in nodes), notes=tuple(notes))


@dataclass(slots=True)
class _Node:
    """A node, as far as it was read."""

    name: str
    line: int
    logins: list[Mapping[str, str]] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    kind: dict[str, str] = field(default_factory=dict)


class _Manifest:
    """What was read so far. Elements count by their local names, since testbeds differ in the versions of their namespaces."""

    def __init__(self) -> None:
        self.kind = ""
        self.nodes: list[_Node] = []
        self._open: list[str] = []

    def begin(self, name: str, attributes: Mapping[str, str], line: int) -> None:
        """Take the start of an element."""
        self._open.append(name)
        where = self._open[1:]
        if not where:
            self.kind = attributes.get("type", "")
        elif where == ["node"]:
            self.nodes.append(_Node(attributes.get("client_id") or attributes.get("virtual_id") or f"node{len(self.nodes)}", line))
        elif where[0] == "node":
            self._part(self.nodes[-1], where[1:], attributes)

    def end(self) -> None:
        """Take the end of an element."""
        self._open.pop()

    def _part(self, node: _Node, where: list[str], attributes: Mapping[str, str]) -> None:
        """Take an element inside a node."""
        if where == ["services", "login"] and attributes.get("hostname"):
            node.logins.append(attributes)
        elif where == ["interface", "ip"] and attributes.get("address") and attributes.get("type", "ipv4") == "ipv4":
            node.addresses.append(attributes["address"])
        elif where == ["vnode"]:
            node.kind |= {"computer": attributes.get("name", ""), "type": attributes.get("hardware_type", "")}
        elif where == ["hardware_type"]:
            node.kind.setdefault("type", attributes.get("name", ""))


def _machine(source: ImportSource, node: _Node) -> ImportedMachine:
    login, internal, others = node.logins[0], next(iter(node.addresses), None), node.addresses[1:]
    about = [text for text in (node.kind.get("computer"), node.kind.get("type")) if text]
    about += [f"also {', '.join(others)}"] if others else []
    return ImportedMachine(
        name=node.name,
        external_addr=login["hostname"],
        internal_addr=internal,
        username=login.get("username") or None,
        ssh_port=port(source, login.get("port") or "22", node.line),
        about=", ".join(about),
        line=node.line,
    )


def _local(name: str) -> str:
    return name.rpartition("}")[2]


MANIFEST = Importer("manifest", "CloudLab, Emulab or GENI manifest", recognises, read)
