"""`graft eval`."""

import click


@click.command(name="eval")
def evaluate() -> None:
    """Measure placement on labelled cases."""
