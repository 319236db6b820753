"""From a planned step to the specification of each task: macros replaced, options as arguments and as environment."""

from collections.abc import Iterator, Mapping

from wke.act.connection.task import GRACE_S, STOP_SIGNAL, TaskSpec
from wke.describe.cluster.cluster import MachineSpec
from wke.describe.configuration.loadmodule import module_beside
from wke.describe.configuration.macros import expand_macros
from wke.describe.configuration.secret import Secret, variable_part
from wke.describe.configuration.step import PlannedStep
from wke.records import TaskName


def task_specs(step: PlannedStep, users: Mapping[str, str]) -> Iterator[TaskSpec]:
    """Yield one specification per task, in the plan's order; `users` maps a machine to the login name there (for `@USERNAME`)."""
    machines = {m.name: m for m in step.machines}
    names = step.tasks()
    module = module_beside(step.target.content)
    for index, name in enumerate(names):
        machine = machines[name.machine]
        values = [
            (option, value)
            if isinstance(value, Secret)
            else (option, expand_macros(value, machine=machine, username=users[name.machine], index=index, size=len(names)))
            for option, value in step.options
        ]
        yield TaskSpec(
            name=name,
            content=step.target.content or b"",
            module=module,
            arguments=tuple(value if isinstance(value, str) else option_variable(option) for option, value in values),
            environment={
                **step.environment,
                **_environment(name, machine, index, len(names)),
                **{option_variable(option): value if isinstance(value, str) else value.value for option, value in values},
            },
            workdir=step.workdir,
            prelude=step.prelude.content if step.prelude else None,
            timeout_s=step.limit_s,
            grace_s=GRACE_S if step.grace_s is None else step.grace_s,
            stop_signal=step.stop_signal or STOP_SIGNAL,
            kept=bool(step.collect) or step.scope != "trial",
        )


def _environment(name: TaskName, machine: MachineSpec, index: int, size: int) -> dict[str, str]:
    address = {"WKE_INTERNAL_ADDR": machine.internal_addr} if machine.internal_addr else {}
    return {
        "WKE_MACHINE": machine.name,
        **address,
        "WKE_TARGET": name.target,
        "WKE_COPY": str(name.copy),
        "WKE_GROUP_INDEX": str(index),
        "WKE_GROUP_SIZE": str(size),
    }


def option_variable(name: str) -> str:
    """Return the variable in which a script finds an option: `num-clients` is `WKE_OPTION_NUM_CLIENTS`."""
    return f"WKE_OPTION_{variable_part(name)}"
