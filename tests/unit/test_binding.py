"""Lent machines: a trial is planned without their addresses, and runs with those that they have now."""

from dataclasses import replace

from wke.describe.cluster.cluster import ClusterSpec, MachineSpec, later_addr
from wke.describe.configuration.configuration import TargetSpec
from wke.describe.configuration.copies import Copy, RenderedFile
from wke.describe.configuration.secret import Secret
from wke.describe.configuration.step import PlannedStep
from wke.describe.plan.binding import bound
from wke.describe.plan.plan import Trial
from wke.keep.machines.fingerprint import place
from wke.keep.trials.identity import addresses, inputs, trial_id

PLANNED = tuple(
    MachineSpec(name, index, later_addr(name, "external"), later_addr(name, "internal"), ("servers",), is_lent=True)
    for index, name in enumerate(("m0", "m1"))
)
CLUSTER = ClusterSpec(None, "ssh", PLANNED, {"servers": ("m0", "m1")})
SERVERS = "<m0.internal-addr>,<m1.internal-addr>"
ASK = PlannedStep(0, TargetSpec("ask", "", content=b"ask"), PLANNED[:1], (("server", SERVERS),))
LOAD = PlannedStep(
    0,
    TargetSpec("load", "", content=b"load"),
    PLANNED[:1],
    (("url", "http://<m1.external-addr>:80/<x.internal-addr>"), ("key", Secret("<m0.internal-addr>"))),
    ready_step=ASK,
)
TRIAL = Trial({}, 0, warmup=False, round=0, cluster=CLUSTER, steps=(LOAD,), versions=(ASK,))


def lent(first: int) -> ClusterSpec:
    """Return the cluster as it is while it is up."""
    machines = (
        replace(machine, external_addr=f"192.0.2.{first + machine.index}", internal_addr=f"10.0.0.{first + machine.index}", ssh_port=2222)
        for machine in PLANNED
    )
    return replace(CLUSTER, machines=tuple(machines))


def test_addresses_are_put_in_wherever_a_trial_has_them() -> None:
    """Machines, options, the steps that tell readiness and versions; secrets and what is no machine's address stay as they are."""
    now = bound(TRIAL, lent(1))
    (step,) = now.steps
    assert step.options[0] == ("url", "http://192.0.2.2:80/<x.internal-addr>")
    assert step.options[1] == LOAD.options[1]
    assert step.ready_step is not None
    assert step.ready_step.options == now.versions[0].options == (("server", "10.0.0.1,10.0.0.2"),)
    for machine in (*step.machines, *now.cluster.machines[:1], *now.versions[0].machines):
        assert (machine.external_addr, machine.internal_addr, machine.ssh_port) == ("192.0.2.1", "10.0.0.1", 2222)


def test_rendered_files_have_the_addresses_of_now() -> None:
    """What is deployed names the machines as they are; the digest, which is part of the identity, stays that of the plan."""
    file = RenderedFile("etc/x", ("m0",), 0o644, b"\xff <m1.internal-addr> <x.internal-addr>", "digest")
    copied = replace(LOAD, copy=Copy("x", "etc/", "", "", renders=True, rendered=(file,)))
    now = bound(replace(TRIAL, steps=(copied,)), lent(1)).steps[0].copy
    assert now is not None
    assert now.rendered == (replace(file, content=b"\xff 10.0.0.2 <x.internal-addr>"),)


def test_the_classes_of_a_trial_stay() -> None:
    """A trial that sizes a class keeps its machines' classes."""
    sized = replace(TRIAL, steps=(replace(LOAD, machines=(replace(PLANNED[0], classes=()),)),))
    assert bound(sized, lent(1)).steps[0].machines[0].classes == ()


def test_a_trial_is_the_same_whichever_machines_are_lent() -> None:
    """The store knows the trial and its machines by what the plan says, so results count on other machines of the same kind."""
    assert trial_id(bound(TRIAL, lent(1)), ()) != trial_id(TRIAL, ())
    assert {name: place(machine.known_as) for name, machine in (("m0", lent(1).machines[0]),)} == addresses(inputs(TRIAL, ()))


def test_a_trial_on_other_machines_is_left_alone() -> None:
    """Nothing is made anew where no machine is lent."""
    named = replace(CLUSTER, machines=tuple(replace(machine, is_lent=False) for machine in PLANNED))
    assert bound(TRIAL, named) is TRIAL
