"""The formats of other tools that machines can be imported from. A new one is a line here, and a file beside this one."""

from collections.abc import Mapping

from wke.describe.imports.ansible import ANSIBLE
from wke.describe.imports.hostlist import HOST_LIST
from wke.describe.imports.hosts import HOSTS
from wke.describe.imports.imported import Importer, ImportSource
from wke.describe.imports.kubernetes import KUBERNETES
from wke.describe.imports.manifest import MANIFEST
from wke.describe.imports.nodefile import NODE_FILE
from wke.describe.imports.sshconfig import SSH_CONFIG
from wke.describe.imports.terraform import TERRAFORM

IMPORTERS: Mapping[str, Importer] = {
    one.name: one for one in (MANIFEST, ANSIBLE, SSH_CONFIG, HOST_LIST, NODE_FILE, TERRAFORM, HOSTS, KUBERNETES)
}


def recognised(source: ImportSource) -> Importer:
    """Return the importer of a text by what is in it; raise InputError if that is none, or not certain."""
    found = [one for one in IMPORTERS.values() if one.recognises(source.text)]
    if len(found) == 1:
        return found[0]
    if not source.text.strip():
        raise source.wrong("is empty")
    if found:
        titles = "; ".join(f"--format {one.name}: {one.title}" for one in found)
        raise source.wrong(f"may be several things, and wke does not guess: {titles}", hint="name the format")
    titles = "; ".join(f"{one.name}: {one.title}" for one in IMPORTERS.values())
    raise source.wrong("has no format that is recognised", hint=f"name one with --format: {titles}")
