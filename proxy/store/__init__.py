"""The tree on disk: hand-written SQL over a thin driver. `SqliteStore` is `domain.ports.TreeStore`."""

from proxy.store.records import Correction, Decision, Key, Outline, Violation
from proxy.store.sqlite import SqliteStore

__all__ = ["Correction", "Decision", "Key", "Outline", "SqliteStore", "Violation"]
