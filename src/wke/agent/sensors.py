"""Sources of what a machine's sensors say: frequencies, throttling, temperatures and energy, from files under /sys that stay open."""

import posix

from wke.agent.kernelfiles import KernelFile, opened, slowly

LONGEST_NAME = 60


class Sensors:
    """Files with a number each; `found` has a column and a path for each. One that cannot be read now is unknown."""

    def __init__(self, found):
        self.columns = []
        self._files = []
        for column, path in found:
            try:
                file = KernelFile(path)
            except OSError:  # that of energy is for root
                continue
            self.columns.append(column)
            self._files.append(file)
        if not self._files:
            raise OSError("none of these sensors is here")

    def read(self):
        """Return the numbers."""
        return [_number(file) for file in self._files]

    def close(self):
        """Close the files."""
        for file in self._files:
            file.close()


class Throttling(Sensors):
    """How often processors slowed down because of heat: all cores, and all packages, each of which every core of it shows."""

    def __init__(self, sys):
        cores, packages = [], {}
        for _, folder in processors(sys):
            cores.append(("core", folder + "/thermal_throttle/core_throttle_count"))
            package = text_of(folder + "/topology/physical_package_id") or "0"
            packages.setdefault(package, ("package", folder + "/thermal_throttle/package_throttle_count"))
        Sensors.__init__(self, cores + list(packages.values()))
        self._cores = self.columns.count("core")
        self.columns = ["throttled.cores 1 counter", "throttled.packages 1 counter"]

    def read(self):
        """Return both counts; without one of its parts, as of a processor that was switched off, a count is unknown."""
        counts = [_number(file) for file in self._files]
        return [None if None in part else sum(part) for part in (counts[: self._cores], counts[self._cores :])]


class Energy(Sensors):
    """What packages, cores and memory have used (RAPL). The kernel's counters run over after minutes or hours; these do not."""

    def __init__(self, sys):
        found, self._ranges = [], []
        for zone in listed(sys + "/class/powercap", "intel-rapl:"):
            folder = sys + "/class/powercap/" + zone
            range_uj = text_of(folder + "/max_energy_range_uj")
            if posix.access(folder + "/energy_uj", posix.R_OK) and range_uj.isdigit():
                name = named(text_of(folder + "/name") or zone)
                parent = zone.rpartition(":")[0]
                if parent != "intel-rapl":
                    name += "." + named(text_of(sys + "/class/powercap/" + parent + "/name"))  # no name begins as its package's
                found.append(("energy." + name + " uJ counter", folder + "/energy_uj"))
                self._ranges.append(int(range_uj))
        Sensors.__init__(self, found)
        self._last = [None] * len(self._files)
        self._added = [0] * len(self._files)

    def read(self):
        """Return microjoules."""
        numbers = Sensors.read(self)
        for place, number in enumerate(numbers):
            if number is not None:
                last, self._last[place] = self._last[place], number
                if last is not None and number < last:
                    self._added[place] += self._ranges[place]
                numbers[place] += self._added[place]
        return numbers


def frequencies(sys):
    """Return the source of each processor's frequency."""
    files = [(number, folder + "/cpufreq/scaling_cur_freq") for number, folder in processors(sys)]
    return Sensors([("frequency.%d kHz gauge" % number, path) for number, path in files])


def temperatures(sys):
    """Return the source of all temperatures: of the monitoring chips, or else of the thermal zones."""
    found = {}
    for chip in listed(sys + "/class/hwmon", "hwmon"):
        folder = sys + "/class/hwmon/" + chip
        for file in listed(folder, "temp"):
            if file.endswith("_input"):
                label = text_of(folder + "/" + file[:-5] + "label") or file[:-6]
                add(found, named(text_of(folder + "/name") or chip) + "." + named(label), folder + "/" + file)
    for zone in () if found else listed(sys + "/class/thermal", "thermal_zone"):
        folder = sys + "/class/thermal/" + zone
        add(found, named(text_of(folder + "/type") or zone), folder + "/temp")
    return Sensors([("temperature." + name + " m\u00b0C gauge", path) for name, path in found.items()])


def sensor_sources(interval_s, sys="/sys"):
    """Return the sources of all sensors that there are; all but energy are read once a second."""
    slow = [(frequencies, (sys,)), (temperatures, (sys,)), (Throttling, (sys,))]
    return slowly(interval_s, 1, slow) + opened([(Energy, (sys,))])


def processors(sys):
    """Return the number and the folder of each processor, in order."""
    folder = sys + "/devices/system/cpu"
    numbers = sorted(int(name[3:]) for name in listed(folder, "cpu") if name[3:].isdigit())
    return [(number, "%s/cpu%d" % (folder, number)) for number in numbers]


def listed(folder, beginning):
    """Return the names in a folder that begin so, in order; none if there is no such folder."""
    try:
        return sorted(name for name in posix.listdir(folder) if name.startswith(beginning))
    except OSError:
        return []


def add(found, name, path):
    """Add a path under a name, or under one with a number if there is that name."""
    number, chosen = 1, name
    while chosen in found:
        number += 1
        chosen = "%s.%d" % (name, number)
    found[chosen] = path


def text_of(path):
    """Return the text in a file, "" if it cannot be read."""
    try:
        file = KernelFile(path)
    except OSError:
        return ""
    try:
        return file.read().decode("utf-8", "replace").strip()
    except OSError:
        return ""
    finally:
        file.close()


def named(text):
    """Return a name without blanks."""
    return "-".join(text.lower().split())[:LONGEST_NAME]


def _number(file):
    try:
        return file.number()
    except (OSError, ValueError):
        return None
