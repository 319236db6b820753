"""Plans: the ordered trials of an experiment on a cluster, with their deployments and revisions."""
