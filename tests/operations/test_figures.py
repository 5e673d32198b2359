"""Figures: counted, added up over processes, and told as Prometheus reads them."""

from __future__ import annotations

import os

import pytest
from prometheus_client.parser import text_string_to_metric_families

from proxy.operations import sharing
from proxy.operations.figures import MOST_LABELS, Figures, told
from proxy.operations.sharing import Shared


def read(snapshot):
    """Name and labels to value, as a Prometheus would have it."""
    families = text_string_to_metric_families(told(snapshot)[0].decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def test_counts_spreads_and_levels_are_told():
    figures = Figures()
    figures.count("graft_asides_total", "policy off")
    figures.count("graft_asides_total", "policy off", by=2)
    for seconds in (0.0005, 0.03, 0.03, 500.0):
        figures.observe("graft_stage_seconds", seconds, "find")
    figures.gauge("graft_in_flight", lambda: {(): 7})
    found = read(figures.snapshot())
    assert found["graft_asides_total", (("kind", "policy off"),)] == 3
    assert found["graft_stage_seconds_count", (("stage", "find"),)] == 4
    assert found["graft_stage_seconds_sum", (("stage", "find"),)] == pytest.approx(500.0605)
    buckets = {dict(labels)["le"]: v for (name, labels), v in found.items() if name == "graft_stage_seconds_bucket"}
    assert (buckets["0.001"], buckets["0.025"], buckets["0.05"], buckets["120.0"], buckets["+Inf"]) == (1, 1, 3, 3, 4)
    assert found["graft_in_flight", ()] == 7
    assert found["graft_degraded_total", ()] == 0


def test_labels_do_not_grow_without_end():
    figures = Figures()
    for number in range(MOST_LABELS + 50):
        figures.count("graft_asides_total", f"kind {number}")
    values = figures.snapshot().counts["graft_asides_total"]
    assert len(values) == MOST_LABELS + 1
    assert values[("other",)] == 50


def neighbour(folder, pid, commits, in_flight):
    """The file of another process."""
    figures = Figures()
    figures.count("graft_store_writes_total", by=commits)
    figures.observe("graft_store_commit_seconds", 0.002)
    figures.gauge("graft_in_flight", lambda: {(): in_flight})
    Shared(figures, folder).write()
    (folder / f"{os.getpid()}.alive").rename(folder / f"{pid}.alive")


def test_any_process_tells_the_figures_of_all(tmp_path):
    own = Figures()
    own.count("graft_store_writes_total")
    neighbour(tmp_path, 11, commits=10, in_flight=2)
    neighbour(tmp_path, 12, commits=100, in_flight=3)
    found = read(Shared(own, tmp_path).whole())
    assert found["graft_store_writes_total", ()] == 111
    assert found["graft_store_commit_seconds_count", ()] == 2
    assert found["graft_in_flight", ()] == 5
    assert found["graft_processes", ()] == 3


def test_what_an_ended_process_did_stays_counted_and_how_it_stood_does_not(tmp_path):
    neighbour(tmp_path, 11, commits=10, in_flight=2)
    sharing.ended(tmp_path, 11)
    sharing.ended(tmp_path, 99)
    neighbour(tmp_path, 11, commits=5, in_flight=1)
    found = read(Shared(Figures(), tmp_path).whole())
    assert found["graft_store_writes_total", ()] == 15
    assert found["graft_in_flight", ()] == 1
    assert found["graft_processes", ()] == 2


def test_a_neighbours_file_that_cannot_be_read_is_passed_over(tmp_path):
    (tmp_path / "5.alive").write_bytes(b"\xff\x00")
    assert read(Shared(Figures(), tmp_path).whole())["graft_processes", ()] == 1


def test_open_metrics_is_told_to_who_accepts_it():
    content, media_type = told(Figures().snapshot(), "application/openmetrics-text; version=1.0.0")
    assert media_type.startswith("application/openmetrics-text")
    assert content.endswith(b"# EOF\n")
