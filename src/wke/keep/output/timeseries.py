"""The time series that the tasks of an attempt left: in their standard output, and as interval logs of HdrHistogram."""

from pathlib import Path

from wke.describe.experiment.timeseries import TimeSeries, read_time_series
from wke.keep.output.logs import collected_files, read_output, tasks
from wke.records import TaskName


def series_of_tasks(folder: Path) -> dict[TaskName, dict[str, TimeSeries]]:
    """Return the time series of each task with output in an attempt's `folder`, by name; tasks that wrote none are left out."""
    found = {task: read_time_series(text) for task, text in read_output(folder).items()}
    return {task: series for task, series in found.items() if series}


def interval_logs(folder: Path) -> dict[TaskName, dict[str, Path]]:
    """Return the interval logs that were collected from each task with output, by their paths in its folder."""
    logs = {task: dict(collected_files(folder, task, "**/*.hlog")) for task in tasks(folder)}
    return {task: named for task, named in logs.items() if named}
