"""A user's own model as a task."""
