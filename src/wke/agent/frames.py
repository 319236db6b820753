"""The frames that controller, agent, anchor and relays send each other: one line for each kind. Both ends read this table.

A line names the kind, who receives it, the most bytes of payload it may carry, and the fields of its head. A new kind is a line here, its
name among the constants, and a handler at the end that receives it; a question stands in ANSWERS too.

A field is `name:type`. `name?` may be missing, a `type?` may be null, `[type]` is a list, `{type}` an object with values of that type,
`[type:7]` and `{type:7}` hold at most 7 of them. A type of number is a range (see SIMPLE):
what is outside of it is refused here, and nowhere else. A `time` is in nanoseconds since the epoch.

Runs on the machines too: Python >= 3.6, and nothing imported.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Check = Callable[[object], bool]

CONTROLLER, AGENT, ANCHOR, TREE = 1, 2, 4, 8  # who receives a frame; added where several do
BOTH = CONTROLLER + AGENT
ANYONE = CONTROLLER + AGENT + ANCHOR + TREE
BULK = 1 << 20
LARGEST = 1 << 63  # what logs and the store can hold
LATEST_NS = 1 << 62  # in the year 2116
LONGEST_S = 1 << 32
LONGEST_TASK_NS = 10 * 365 * 86400 * 10**9
HIGHEST_CODE = 255

GREETING = "python:text hostname:text user:text home:text cpus:count uname:text pid:count workfolder:text adopts?:flag at:time"
ANCHOR_STATE = " attempt?:text cleared?:flag tasks?:{number} begun?:[number] scripts?:[[text]]"
WHAT_TO_RUN = "script:text name:text arguments:[text] environment:{text} workdir:text? prelude:text?"
HOW_TO_RUN = " timeout:seconds? grace:seconds stop-signal?:text held:flag kept:flag key?:text"
WATCH_MORE = "shared?:flag perf?:[text:32] controller?:text"
LEFT = "leftovers:[text:100] survivors?:[text:100]"  # what tasks had left running, and what of it could not be stopped
BATCHED = "of:[count] kind:count channels:[count] same:{any} each:{any} sizes?:[count]"

FRAMES = (
    ("open", AGENT, 0, "token:text lease:seconds environment:{text} claim?:{any} outlive?:text"),
    ("hello", CONTROLLER, 0, GREETING + ANCHOR_STATE),  # who and where the agent is, and what its anchor holds if there is one
    ("source", CONTROLLER, 0, ""),  # the agent's Python is another one than ours: it asks for its modules as source
    ("modules", AGENT, BULK, ""),  # what the next frame needs
    ("broken", CONTROLLER, 0, "why:text"),  # the agent cannot go on
    ("put", AGENT, BULK, "script:text name:text offset:number"),
    ("start", AGENT, 0, WHAT_TO_RUN + HOW_TO_RUN),
    ("staged", CONTROLLER, 0, ""),
    ("release", AGENT, 0, "at:time"),
    ("started", CONTROLLER, 0, "at:time"),
    ("output", CONTROLLER, BULK, "stream:stream at:time"),
    ("ended", CONTROLLER, 0, "kind:text code:code? started:time ended:time rung:text detail:text began?:flag"),
    ("stop", AGENT, 0, ""),
    ("clear", AGENT, 0, "grace:seconds task?:number keep?:[number] scripts?:flag"),  # stop every task and what tasks left running
    ("cleared", CONTROLLER, 0, LEFT),
    ("bye", AGENT, 0, "grace:seconds"),  # the same, and the agent ends
    ("farewell", CONTROLLER, 0, LEFT),
    ("ping", AGENT, 0, ""),  # renews the lease and compares clocks
    ("pong", CONTROLLER, 0, "at:time wall?:time"),
    ("wait-port", AGENT, 0, "port:number address:text within:seconds"),  # does something listen?
    ("port", CONTROLLER, 0, "answered:flag stranger?:text"),  # who listens although it is not of this connection
    ("examine", AGENT, 0, ""),
    ("examined", CONTROLLER, 0, "facts:{text:500}"),  # the machine's fingerprint
    ("watch", AGENT, 0, "interval:seconds rows:count at:time scopes:[text:8] " + WATCH_MORE),  # from here on see sampler.py
    ("watched", CONTROLLER, 0, "kernel:text network:text"),  # whose numbers the samples hold
    ("sample", CONTROLLER, BULK, "epoch:count rows:count first:time at:time now:{number:8}"),
    ("unwatch", AGENT, 0, ""),
    ("copy-in", AGENT, 0, "path:text name:text"),  # from here on see sender.py
    ("copy-out", AGENT, 0, "path:text only:[text]"),
    ("offer", BOTH, 0, "first:number entries:[any:256]"),
    ("have", BOTH, 0, "first:number have:[any:256]"),
    ("data", BOTH, BULK, "parts:[any:256]"),
    ("complete", BOTH, 0, "left-out:[text:100]"),
    ("copied", CONTROLLER, 0, "files:number"),
    ("copy-failed", CONTROLLER, 0, "path:text why:text code:count"),
    ("copy-stop", AGENT, 0, ""),
    ("hold", ANCHOR, 0, "attempt:text"),  # which attempt the anchor shall keep
    ("follow", ANCHOR, 0, "from:number"),  # a task's journal from an offset on
    ("journal", CONTROLLER, BULK, "at:number"),
    ("series", CONTROLLER, 0, "epoch:count columns:[text:4096] notes:[text:16]"),  # what the rows of that epoch hold
    ("unwatched", CONTROLLER, 0, ""),  # all rows have been sent
    ("scrape", AGENT, 0, "address:text port:number path:text within:seconds"),  # ask a port of the machine by HTTP
    ("scraped", CONTROLLER, BULK, "at:time why:text"),  # the answer, compressed, or why there is none
    ("look", AGENT, 0, ""),  # what do tasks use, those of other connections too?
    ("seen", CONTROLLER, 0, "at:time tasks:[any:200]"),
    ("join", AGENT, 0, "addresses:[text:64] port:count secret:text variable:text"),  # be a node of a tree: see node.py
    ("node", TREE, 0, "key:text port:count number?:count relays?:flag why?:text"),  # who dials, and where it listens
    ("seat", TREE, 0, "number:count relays:flag address?:text port?:count"),  # under which relay; the end that sent it if none is named
    ("here", TREE, 0, ""),  # from here on a relay speaks of a machine, see relay.py
    ("gone", TREE, 0, "why:text lasting:flag"),  # its agent, or for good the way to it
    ("alive", TREE, 0, ""),
    ("taken", TREE, 0, "bytes:number"),
    ("batch", TREE, BULK, BATCHED),  # see batch.py
    ("probe", TREE, 0, "probes:count"),  # compare a machine's clock with that of the relay right above it: see prober.py
    ("probed", CONTROLLER, 0, "relay:count sent:time at:time back:time wall?:time"),
)
KINDS = range(1, len(FRAMES) + 1)
OPEN, HELLO, SOURCE, MODULES, BROKEN, PUT, START, STAGED, RELEASE, STARTED, OUTPUT, ENDED, STOP, CLEAR, CLEARED, BYE, FAREWELL = KINDS[:17]
PING, PONG, WAIT_PORT, PORT, EXAMINE, EXAMINED, WATCH, WATCHED, SAMPLE, UNWATCH = KINDS[17:27]
COPY_IN, COPY_OUT, OFFER, HAVE, DATA, COMPLETE, COPIED, COPY_FAILED, COPY_STOP, HOLD, FOLLOW, JOURNAL, SERIES, UNWATCHED = KINDS[27:41]
SCRAPE, SCRAPED, LOOK, SEEN = KINDS[41:45]
JOIN, NODE, SEAT, HERE, GONE, ALIVE, TAKEN, BATCH, PROBE, PROBED = KINDS[45:]
ANSWERS = {CLEAR: CLEARED, BYE: FAREWELL, PING: PONG, WAIT_PORT: PORT, EXAMINE: EXAMINED, WATCH: WATCHED, UNWATCH: UNWATCHED}
ANSWERS.update({SCRAPE: SCRAPED, LOOK: SEEN, PROBE: PROBED})
METRICS = 3  # the stream of what a task wrote to $WKE_METRICS, beside 1 and 2
LARGEST_SCRAPE = 8 << 20  # of an answer, before it is compressed
MOST_METRICS = (1 << 20) + 1  # one byte more than may be there

SIMPLE = {
    "any": lambda value: True,  # noqa: ARG005
    "text": lambda value: isinstance(value, str),
    "flag": lambda value: isinstance(value, bool),
    "number": lambda value: type(value) is int and 0 <= value < LARGEST,
    "count": lambda value: type(value) is int and 0 <= value < 1 << 32,
    "time": lambda value: type(value) is int and 0 <= value < LATEST_NS,
    "stream": lambda value: type(value) is int and 1 <= value <= METRICS,
    "code": lambda value: type(value) is int and 0 <= value <= HIGHEST_CODE,
    "seconds": lambda value: type(value) in (int, float) and 0 <= value < LONGEST_S,
}  # type: dict[str, Check]
_fields = {}  # type: dict[int, dict[str, tuple[bool, Check, str]]]


def name_of(kind: int) -> str:
    """Return the name of a kind."""
    return FRAMES[kind - 1][0]


def is_for(kind: int, receivers: int) -> bool:
    """Tell whether one of the receivers gets frames of that kind."""
    return bool(FRAMES[kind - 1][1] & receivers)


def most_payload(kind: int) -> int:
    """Return the most bytes of payload that a frame of that kind may carry."""
    return FRAMES[kind - 1][2]


def flaw(kind: int, head: "dict[str, object]") -> str:
    """Return what is wrong with the head of a frame of that kind, "" when nothing is."""
    fields = _fields.get(kind)
    if fields is None:
        fields = _fields[kind] = dict(map(_field, FRAMES[kind - 1][3].split()))
    known = 0
    for name, (is_optional, check, type_name) in fields.items():
        if name in head:
            known += 1
            if not check(head[name]):
                return "{} is not {}: {!r:.200}".format(name, type_name, head[name])
        elif not is_optional:
            return "it has no " + name
    for name in head.keys() - fields.keys():
        return "{!r:.100} does not belong there".format(name)
    if kind == ENDED and not 0 <= head["ended"] - head["started"] < LONGEST_TASK_NS:  # type: ignore[operator]
        return "a task cannot last from {} to {}".format(head["started"], head["ended"])
    return ""


def _field(text: str) -> "tuple[str, tuple[bool, Check, str]]":
    name, _, type_name = text.partition(":")
    return name.rstrip("?"), (name[-1] == "?", _check(type_name), type_name)


def _check(type_name: str) -> "Check":
    """Return a function that tells whether a value is of that type."""
    if type_name[-1] == "?":
        inner = _check(type_name[:-1])
        return lambda value: value is None or inner(value)
    if type_name[0] not in "[{":
        return SIMPLE[type_name]
    inner_name, _, most = type_name[1:-1].partition(":")
    inner, container, longest = _check(inner_name), list if type_name[0] == "[" else dict, int(most or LARGEST)

    def check(value: object) -> bool:
        if not isinstance(value, container) or len(value) > longest:
            return False
        return all(map(inner, value if isinstance(value, list) else value.values()))

    return check
