"""What is stored about trials: plans, attempts, results, and what identifies a trial."""
