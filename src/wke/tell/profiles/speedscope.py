"""A profile as a file for speedscope (https://www.speedscope.app), with one profile for each task and machine."""

import json

from wke.judge.profiles.stacks import CONTEXT, Profile

SCHEMA = "https://www.speedscope.app/file-format-schema.json"


def speedscope(profile: Profile, title: str) -> str:
    """Return a profile as JSON; the weights of a task's samples add up to their number."""
    places: dict[str, int] = {}
    tasks = []
    for (target, machine), total in profile.by_task().items():
        mine = [(stack[CONTEXT - 1 :], count) for stack, count in profile.counts.items() if stack[:2] == (target, machine)]
        samples = [[places.setdefault(name, len(places)) for name in stack] for stack, _ in mine]
        tasks.append(
            {
                "type": "sampled",
                "name": f"{target} on {machine}",
                "unit": "none",
                "startValue": 0,
                "endValue": total,
                "samples": samples,
                "weights": [count for _, count in mine],
            }
        )
    shared = {"frames": [{"name": name} for name in places]}
    return json.dumps({"$schema": SCHEMA, "name": title, "exporter": "wke", "shared": shared, "profiles": tasks}) + "\n"
