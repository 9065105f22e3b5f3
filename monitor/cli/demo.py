"""`tcm demo`: broker, simulated consignment, daemon and view in one command."""


def demo() -> None:
    """Run the demonstration."""
