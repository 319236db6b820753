"""The time series that the tasks of an attempt wrote to their standard output."""

from pathlib import Path

from wke.describe.experiment.timeseries import TimeSeries, read_time_series
from wke.keep.output.logs import read_output
from wke.records import TaskName


def series_of_tasks(folder: Path) -> dict[TaskName, dict[str, TimeSeries]]:
    """Return the time series of each task with output in an attempt's `folder`, by name; tasks that wrote none are left out."""
    found = {task: read_time_series(text) for task, text in read_output(folder).items()}
    return {task: series for task, series in found.items() if series}
