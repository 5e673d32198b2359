"""Figures of a process: counts, sums and spreads, kept as plain numbers and told as Prometheus reads them.

Counting is an addition to a number in a mapping, so that it costs a request next to nothing; the library of Prometheus is imported when
somebody asks. Labels have few values, all of them known beforehand: configured names, routes of this server, statuses, kinds. What a
client makes up is never a label, nor is a user.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

Labels = tuple[str, ...]

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
MOST_LABELS: Final = 2_000
"""Combinations of labels of one figure; further ones are counted together under `other`."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What is counted, and by what it is told apart."""

    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: Labels = ()


FIGURES: Final[Mapping[str, Figure]] = {
    "graft_requests_total": Figure("counter", "Requests answered", ("route", "method", "status", "lane")),
    "graft_request_seconds": Figure("histogram", "From a request to the last byte of its answer", ("route",)),
    "graft_first_byte_seconds": Figure("histogram", "From a request for a model to the first byte of its answer", ("lane",)),
    "graft_stage_seconds": Figure("histogram", "Time in Graft before the model is asked, by stage", ("stage",)),
    "graft_tokens_total": Figure("counter", "Tokens as providers report them: prompt, cached (of the prompt), completion", ("model", "kind")),
    "graft_saved_tokens_total": Figure("counter", "Tokens not sent, against the histories that clients sent; estimated", ("model",)),
    "graft_routes_total": Figure("counter", "Turns by where they went and who decided", ("placed", "scorer")),
    "graft_degraded_total": Figure("counter", "Placements for which the LLM scorer failed or was too late"),
    "graft_asides_total": Figure("counter", "Requests answered and not stored, by what they were taken for", ("kind",)),
    "graft_replies_total": Figure("counter", "Replies stored, by how they ended: done, interrupted, failed", ("outcome",)),
    "graft_refused_total": Figure("counter", "Refused for too much: requests or tokens of a key (429), body (413), url, headers (414, 431), slow (408), busy, connections or closing (503); disconnected: unheard, unread", ("limit",)),
    "graft_upstream_errors_total": Figure("counter", "Answers of models that were errors, by deployment", ("deployment", "kind")),
    "graft_upstream_retries_total": Figure("counter", "Times that a model was asked again", ("model",)),
    "graft_upstream_fallbacks_total": Figure("counter", "Requests that another model answered", ("model", "to")),
    "graft_store_commits_total": Figure("counter", "Commits, by how many writes shared one", ("writes",)),
    "graft_store_writes_total": Figure("counter", "Writes that were committed"),
    "graft_store_commit_seconds": Figure("histogram", "From handing over writes to their commit"),
    "graft_store_waiting_writes": Figure("gauge", "Writes that wait for the writer's thread"),
    "graft_store_waiting_reads": Figure("gauge", "Questions that wait for the reader's thread"),
    "graft_in_flight": Figure("gauge", "Requests for models that are being answered"),
    "graft_breaker_open": Figure("gauge", "Processes that leave a deployment alone for now", ("deployment",)),
    "graft_processes": Figure("gauge", "Processes whose figures these are"),
}  # fmt: skip
"""Every figure. `status` is that of HTTP, `lane` how the model was asked."""


@dataclass(slots=True)
class Spread:
    """How values lie: one count a bucket, and their sum."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(SECONDS) + 1))
    sum: float = 0.0


@dataclass(slots=True)
class Snapshot:
    """All figures of one process at one moment."""

    counts: dict[str, dict[Labels, float]] = field(default_factory=dict)
    spreads: dict[str, dict[Labels, Spread]] = field(default_factory=dict)
    levels: dict[str, dict[Labels, float]] = field(default_factory=dict)

    def add(self, other: Snapshot, *, is_alive: bool = True) -> None:
        """Take in another process's; of one that has ended, what it has done, and not how it stands."""
        for mine, theirs in ((self.counts, other.counts), (self.levels, other.levels if is_alive else {})):
            for name, values in theirs.items():
                into = mine.setdefault(name, {})
                for labels, value in values.items():
                    into[labels] = into.get(labels, 0) + value
        for name, spreads in other.spreads.items():
            kept = self.spreads.setdefault(name, {})
            for labels, spread in spreads.items():
                own = kept.setdefault(labels, Spread())
                own.counts = [a + b for a, b in zip(own.counts, spread.counts, strict=True)]
                own.sum += spread.sum


class Figures:
    """Counts for one process; on one thread."""

    __slots__ = ("_counts", "_gauges", "_spreads")

    def __init__(self) -> None:
        self._counts: dict[str, dict[Labels, float]] = {}
        self._spreads: dict[str, dict[Labels, Spread]] = {}
        self._gauges: dict[str, Callable[[], Mapping[Labels, float]]] = {}

    def count(self, name: str, *labels: str, by: float = 1) -> None:
        try:
            self._counts[name][labels] += by
        except KeyError:
            values = self._counts.setdefault(name, {})
            if len(values) >= MOST_LABELS:
                labels = ("other",) * len(labels)
            values[labels] = values.get(labels, 0) + by

    def observe(self, name: str, seconds: float, *labels: str) -> None:
        """One value of a spread."""
        try:
            spread = self._spreads[name][labels]
        except KeyError:
            spread = self._spreads.setdefault(name, {}).setdefault(labels, Spread())
        spread.counts[bisect_left(SECONDS, seconds)] += 1
        spread.sum += seconds

    def gauge(self, name: str, read: Callable[[], Mapping[Labels, float]]) -> None:
        """What is looked up when somebody asks."""
        self._gauges[name] = read

    def snapshot(self) -> Snapshot:
        levels = {name: dict(read()) for name, read in self._gauges.items()}
        levels["graft_processes"] = {(): 1}
        whole = Snapshot(levels=levels)
        whole.add(Snapshot(self._counts, self._spreads))
        return whole


def told(snapshot: Snapshot, accept: str = "") -> tuple[bytes, str]:
    """Figures as Prometheus reads them, in the form that it accepts, and that form's media type."""
    from prometheus_client.core import (  # noqa: PLC0415  # a tenth of a second, paid by whoever asks first
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
        Metric,
    )
    from prometheus_client.exposition import choose_encoder  # noqa: PLC0415
    from prometheus_client.registry import Collector, CollectorRegistry  # noqa: PLC0415

    class Told(Collector):
        def collect(self) -> Iterator[Metric]:
            for name, figure in FIGURES.items():
                if figure.kind == "histogram":
                    spread = HistogramMetricFamily(name, figure.help, labels=figure.labels)
                    for labels, one in snapshot.spreads.get(name, {}).items():
                        spread.add_metric(labels, _cumulated(one.counts), one.sum)
                    yield spread
                    continue
                make = CounterMetricFamily if figure.kind == "counter" else GaugeMetricFamily
                family = make(name, figure.help, labels=figure.labels)
                values = (snapshot.counts if figure.kind == "counter" else snapshot.levels).get(name, {})
                for labels, value in values.items() or ([] if figure.labels else [((), 0.0)]):
                    family.add_metric(labels, value)
                yield family

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Told())
    encode, media_type = choose_encoder(accept)
    return encode(registry), media_type


def _cumulated(counts: Sequence[int]) -> list[tuple[str, float]]:
    """Buckets as Prometheus has them: each counts all values up to its bound."""
    sums, so_far = [], 0
    for bound, count in zip((*map(str, SECONDS), "+Inf"), counts, strict=True):
        so_far += count
        sums.append((bound, float(so_far)))
    return sums
