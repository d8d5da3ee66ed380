"""Bounds on metrics, as one figure of by how much they are broken."""

from collections.abc import Mapping


def violation(metrics: Mapping[str, float], constraints: Mapping[str, Mapping[str, float]]) -> float:
    """By how much `metrics` exceed `constraints`, each relative to its bound, summed; unknown metrics pass."""
    total = 0.0
    for name, bounds in constraints.items():
        if name in metrics:
            value = metrics[name]
            for excess, bound in (
                (value - bounds.get("max", value), bounds.get("max", value)),
                (bounds.get("min", value) - value, bounds.get("min", value)),
            ):
                total += max(0.0, excess) / (abs(bound) or 1.0)
    return total
