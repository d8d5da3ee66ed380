"""What a misspelt name may have meant."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """ " (did you mean 'mlp'?)" for a name close to one of `known`, to follow it in a sentence; else ""."""
    candidates = {candidate.lower(): candidate for candidate in known}
    close = get_close_matches(str(name).lower()[:100], candidates, n=1)
    return f" (did you mean '{candidates[close[0]]}'?)" if close else ""
