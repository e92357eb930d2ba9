"""The name under which the library is published, and the hint that an error gives where an extra is missing."""

DISTRIBUTION = "algorithms-for-decision-making"  # `decision-making` is another package, with the same import name


def install(*extras: str) -> str:
    """The command that installs the library with these extras.

    >>> install("cli", "plot")
    "pip install 'algorithms-for-decision-making[cli,plot]'"
    """
    return f"pip install '{DISTRIBUTION}[{','.join(extras)}]'"
