"""`graft doctor`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from proxy.cli.common import config_option
from proxy.cli.doctor.finding import Finding
from proxy.errors import ConfigError
from proxy.operations import logs

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command()
@config_option
@click.option("--ask", "asks", is_flag=True, help="Have every model answer one token, which providers charge for.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(config_file: str | None, asks: bool, as_json: bool) -> None:
    """Check configuration, models, store and machine, and say what to do; exits with 1 where something does not work."""
    found = [_safe(finding) for finding in findings(config_file, os.environ, asks=asks)]
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in found], indent=1))
    else:
        Console().print(_table(found))
    sys.exit(1 if any(finding.state == "fail" for finding in found) else 0)


def findings(config_file: str | None, env: Mapping[str, str], *, asks: bool) -> Iterator[Finding]:
    """All checks, as far as each can be made."""
    from proxy.app.parts import lanes_of
    from proxy.cli.doctor import configuration, database, machine, upstreams

    yield from machine.versions()
    yield machine.clock()
    settings, read = configuration.read(config_file, env)
    yield from read
    if settings is None:
        return
    unset = configuration.unset(settings, env)
    yield from unset
    stored, keys = database.checked(settings)
    yield from configuration.dangers(settings, has_keys=bool(keys) or keys is None)
    yield from stored
    yield machine.port(settings)
    yield from machine.model_files(settings)
    yield from machine.files_of_routing(settings)
    if any(finding.state == "fail" for finding in unset):
        return
    models, told = configuration.models(settings, env)
    yield from told
    if models is not None:
        logs.redact.learn([secret for model in models.all() for secret in model.secrets])
        try:
            lanes = lanes_of(settings, models)
        except ConfigError:  # told with the settings
            return
        yield from upstreams.checked(models, trust_env=settings.upstream.trust_env, asks=asks, lanes=lanes)


def _safe(finding: Finding) -> Finding:
    """The same without keys."""
    return replace(finding, told=logs.redact(finding.told), do=logs.redact(finding.do))


def _table(found: list[Finding]) -> Table:
    table = Table(show_lines=False, pad_edge=False)
    table.add_column("")
    table.add_column("check", no_wrap=True)
    table.add_column("found", overflow="fold")
    table.add_column("what to do", overflow="fold")
    for finding in found:
        state = Text(finding.state, style=_COLOURS[finding.state])
        table.add_row(state, Text(finding.check), Text(finding.told), Text(finding.do))
    return table
