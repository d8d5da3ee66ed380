"""One claim about what is checked."""


def require(holds: object, sentence: str) -> None:
    """Raises `AssertionError` with the sentence where the claim does not hold; under `python -O`, too."""
    if not holds:
        raise AssertionError(sentence)
