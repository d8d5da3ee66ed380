"""A plain function of a configuration as a task."""
