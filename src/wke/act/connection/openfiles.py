"""The files that this process may have open: every connection takes some, and the usual limit of 1,024 is soon reached."""

import resource

from wke.errors import MachineError

OTHERS = 64
PIPED = 4  # a connection's three pipes, and what its start takes for a moment
DIALLED = 1  # a machine's socket, until it has its place below a relay
LOGS_EACH = 4  # the files in which its output is kept


def allow_connections(count: int, each: int = PIPED) -> None:
    """Raise our soft limit if that many connections need it; raise MachineError if the hard limit is too low even for them alone.

    A connection takes `each` files.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    least, enough = OTHERS + each * count, OTHERS + (each + LOGS_EACH) * count
    if resource.RLIM_INFINITY not in {soft, hard} and hard < least:
        raise MachineError(
            f"{count:,} connections need {least:,} open files, and this process may have {hard:,}",
            hint=f"raise the hard limit: `ulimit -Hn {least}` as root, nofile in /etc/security/limits.conf, LimitNOFILE= of a service",
        )
    if soft != resource.RLIM_INFINITY and soft < enough:
        resource.setrlimit(resource.RLIMIT_NOFILE, (enough if hard == resource.RLIM_INFINITY else min(enough, hard), hard))
