"""An order: what the controller wants to run, as the kernel takes it."""

import posix

from wke.agent.files import to_bytes
from wke.agent.processes import MARKER, TASK_MARKER
from wke.agent.protocol import ProtocolError


class Order:
    """The head of a `start` frame as values; text has become bytes.

    `stop_signal` is the name of the signal that asks it to end, `grace_s` how long it then has.
    `script` and `prelude` are paths, `beginning` and `prelude_beginning` hold their first bytes. `folder` is where it runs. `own_folder` is
    its $WKE_DIR, which stays for the controller if it `is_kept`. `passed` is a file that exists once the prelude succeeded, `metrics` the
    file in which the task may report metrics.
    """

    def __init__(self, head, channel, connection):
        """Read `head`; `connection` has the work folder `files`, and `environment`, `token` and `home`.

        Raises ProtocolError, and OSError when the script is gone or there can be no folder for the task.
        """
        files = connection.files
        try:
            self.script = files.script(to_bytes(head["script"]), to_bytes(head["name"]))
            self.beginning = files.beginnings[self.script]
            self.prelude = None if head["prelude"] is None else files.script(to_bytes(head["prelude"]), b"prelude")
            self.prelude_beginning = files.beginnings.get(self.prelude, b"")
            self.arguments = [to_bytes(a) for a in head["arguments"]]
            self.timeout_s = None if head["timeout"] is None else float(head["timeout"])
            self.grace_s = float(head["grace"])
            self.stop_signal = head.get("stop-signal", "SIGTERM")
            self.held = bool(head["held"])
            self.is_kept = bool(head["kept"])
            self.environment = dict(connection.environment)
            self.environment.update((to_bytes(k), to_bytes(v)) for k, v in head["environment"].items())
            self.folder = in_home(to_bytes(head["workdir"] or ""), connection.home)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ProtocolError(f"a task's order is not complete: {error!r}") from None
        posix.stat(self.script)
        self.own_folder = files.task(channel, self.is_kept)
        self.passed = self.own_folder + b".prelude-passed"
        self.metrics = self.own_folder + b".metrics"
        self.environment[b"WKE_DIR"] = self.own_folder
        self.environment[b"WKE_METRICS"] = self.metrics
        self.environment[MARKER[:-1]] = connection.token
        self.environment[TASK_MARKER[:-1]] = b"%s.%d" % (connection.token, channel)

    def prelude_passed(self):
        """Tell whether the prelude ran to its end."""
        return posix.access(self.passed, posix.F_OK)


def in_home(folder, home):
    """Return `folder` as seen from the home folder; "~" and nothing are that folder itself."""
    if folder.startswith(b"~/"):
        folder = folder[2:]
    elif folder == b"~":
        folder = b""
    return folder if folder.startswith(b"/") else home.rstrip(b"/") + b"/" + folder
