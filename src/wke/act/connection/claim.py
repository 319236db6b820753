"""A claim to have a machine alone."""

from wke.values import dataclass


@dataclass(frozen=True, slots=True)
class Claim:
    """Asks for the lock `name` of a machine, in which `holder` stands for others to read, and waits for it as long as `wait_s`."""

    name: str
    holder: str
    wait_s: float

    def facts(self) -> dict[str, object]:
        """Return it as the machine's agent takes it."""
        return {"name": self.name, "holder": self.holder, "wait": self.wait_s}
