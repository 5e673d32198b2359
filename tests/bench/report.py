"""The outcome as a table for people and as JSON for programs."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.table import Table

from tests.bench.measure import FIGURES, Figures, Size

NOTE = (
    "One worker on one core; load and upstream on another. Medians over rounds in which the rows take turns. On a machine with other "
    "work trust the CPU figures and the ratios, not requests a second or waiting times."
)

REFERENCE = "litellm-proxy"


def table(figures: Sequence[Figures]) -> Table:
    """One line a row."""
    made = Table(title="What a request costs", caption=NOTE)
    made.add_column("row")
    for head in (
        *("CPU ms a request", "requests/s, 16 clients", "against LiteLLM's proxy", "added p50 ms, 1 client"),
        *(
            "added ms to the first bytes of a stream",
            "CPU µs a streamed chunk",
            "RSS MiB",
            "CPU s to /health",
            "CPU s to /ready",
        ),
    ):
        made.add_column(head, justify="right")
    reference = next((row.middle("per_s") for row in figures if row.name == REFERENCE), None)
    for row in figures:
        if row.missing is not None:
            made.add_row(row.what, f"missing: {row.missing}")
            continue
        rate = row.middle("per_s")
        made.add_row(
            row.what,
            _told(row.middle("cpu_ms"), 2),
            _told(rate, 0),
            _told(rate / reference if rate and reference else None, 1),
            _told(row.middle("added_ms"), 2),
            _told(row.middle("first_ms"), 2),
            _told(row.middle("chunk_us"), 0),
            _told(row.rss_mib, 0),
            _told(row.health_cpu_s, 2),
            _told(row.ready_cpu_s, 1),
        )
    return made


def document(figures: Sequence[Figures], size: Size, load_before: Sequence[float]) -> dict[str, Any]:
    """Everything that was measured, round by round, with its conditions."""
    reference = next((row.middle("per_s") for row in figures if row.name == REFERENCE), None)
    rows = []
    for row in figures:
        medians = {name: row.middle(name) for name in FIGURES}
        rate = medians["per_s"]
        medians["times_litellm_proxy"] = rate / reference if rate and reference else None
        rows.append({**asdict(row), "medians": medians})
    conditions = {
        "python": platform.python_version(),
        "machine": _processor(),
        "cores": os.cpu_count(),
        "versions": {name: version(name) for name in ("litellm", "litestar", "uvicorn", "uvloop", "aiohttp")},
        "load_average": {"before": list(load_before), "after": list(os.getloadavg())},
        "size": asdict(size),
        "note": NOTE,
    }
    return {"conditions": conditions, "rows": rows}


def _told(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
