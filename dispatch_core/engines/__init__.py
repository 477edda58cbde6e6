"""What happens with a worker folder after the dispatch: jobs are run, here or by an engine."""
