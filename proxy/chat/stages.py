"""Where the time of one request goes, stage by stage."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Stages:
    """A watch that is stopped at the end of each stage."""

    last: float = field(default_factory=time.perf_counter)
    spent_s: dict[str, float] = field(default_factory=dict)

    def end(self, stage: str) -> None:
        """What passed since the last stage was this one."""
        now = time.perf_counter()
        self.spent_s[stage] = self.spent_s.get(stage, 0.0) + now - self.last
        self.last = now

    def told(self) -> dict[str, float]:
        """Milliseconds by stage, in their order."""
        return {stage: round(spent * 1000, 2) for stage, spent in self.spent_s.items()}
