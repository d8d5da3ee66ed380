"""What to do where a board cannot be read, in words."""

from ecojax.wording import option


def modeled_instead() -> str:
    return f"use {option('meter', 'modeled')} for the host's CPU alone"
