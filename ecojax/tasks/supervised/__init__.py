"""Tasks that learn from pairs of inputs and labels or targets: what they share, whatever the inputs are."""
