"""The files that this process may have open: every connection takes some, and the usual limit of 1,024 is soon reached."""

import resource

from wke.errors import MachineError

OTHERS = 64
LEAST_EACH = 4  # a connection's three pipes, and what its start takes for a moment
ENOUGH_EACH = 8  # with the files in which its output is kept


def allow_connections(count: int) -> None:
    """Raise our soft limit if that many connections need it; raise MachineError if the hard limit is too low even for them alone."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    least, enough = (OTHERS + each * count for each in (LEAST_EACH, ENOUGH_EACH))
    if resource.RLIM_INFINITY not in {soft, hard} and hard < least:
        raise MachineError(
            f"{count:,} connections need {least:,} open files, and this process may have {hard:,}",
            hint=f"raise the hard limit: `ulimit -Hn {least}` as root, nofile in /etc/security/limits.conf, LimitNOFILE= of a service",
        )
    if soft != resource.RLIM_INFINITY and soft < enough:
        resource.setrlimit(resource.RLIMIT_NOFILE, (enough if hard == resource.RLIM_INFINITY else min(enough, hard), hard))
