"""What `kubectl get pods -o json` prints: each running pod is a machine, reached by `kubectl exec`; its labels are its classes."""

from collections.abc import Mapping

from wke.describe.imports.imported import ImportedMachine, ImportedMachines, Importer, ImportSource, parsed
from wke.documents import Json

LABELS = ("app.kubernetes.io/name", "app.kubernetes.io/component", "app", "component", "role")
"""The labels whose values are the classes of a pod."""


def recognises(text: str) -> bool:
    """Return whether a text is a list of pods, or one pod."""
    document = parsed(text)
    return isinstance(document, dict) and bool(_pods(document))


def read(source: ImportSource) -> ImportedMachines:
    """Return the running pods that have an address; raise InputError if they are of several namespaces."""
    document = source.json()
    pods = _pods(document) if isinstance(document, dict) else []
    if not pods:
        raise source.wrong("has no pod", hint="save what `kubectl get pods -o json` prints")
    machines, notes = list[ImportedMachine](), list[str]()
    namespace, *others = dict.fromkeys(str(_part(pod, "metadata").get("namespace", "default")) for pod in pods)
    if others:
        what = f"has pods of several namespaces: {namespace}, {', '.join(others)}"
        raise source.wrong(what, hint=f"import one: kubectl get pods -n {namespace} -o json")
    for pod in pods:
        about, state = _part(pod, "metadata"), _part(pod, "status")
        name, address = str(about.get("name", "")), state.get("podIP")
        if not name:
            raise source.wrong(f"pod {pods.index(pod) + 1} has no name", hint="save what `kubectl get pods -o json` prints")
        if state.get("phase") != "Running" or not isinstance(address, str):
            notes.append(
                f"pod {name} is left out: it is {state.get('phase', 'without a state')}{'' if address else ', without an address'}"
            )
            continue
        labels = _part(about, "labels")
        classes = dict.fromkeys(str(labels[label]) for label in LABELS if labels.get(label))
        machines.append(
            ImportedMachine(name, "", address, classes=tuple(classes), about=f"on {_part(pod, 'spec').get('nodeName', 'no node')}")
        )
    if not machines:
        raise source.wrong("has no pod that runs and has an address", hint="wait for them: kubectl wait --for=condition=Ready pod --all")
    via = {"preset": "kubectl"} | ({"namespace": namespace} if namespace != "default" else {})
    return ImportedMachines(tuple(machines), via=via, notes=tuple(notes))


def _pods(document: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    items = document.get("items") if str(document.get("kind", "")).endswith("List") else [document]
    found = items if isinstance(items, list) else []
    return [item for item in found if isinstance(item, dict) and (item.get("kind") or document.get("kind")) in {"Pod", "PodList"}]


def _part(value: Mapping[str, Json], key: str) -> Mapping[str, Json]:
    part = value.get(key)
    return part if isinstance(part, dict) else {}


KUBERNETES = Importer("kubernetes", "pods as `kubectl get pods -o json` prints them", recognises, read)
