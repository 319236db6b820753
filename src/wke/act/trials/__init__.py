"""Running a series: deployments, trials, and what is observed in them."""
