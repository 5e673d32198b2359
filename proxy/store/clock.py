"""The time that rows are given: seconds since 1970, never earlier than what was given before.

Of several equals the newest wins, in many places, so a clock that is set back must not make what comes next look old. That holds for as
long as the process lives; after a restart the clock's word counts again.
"""

from __future__ import annotations

import time

_STEP_S = 1e-6
"""What floating-point seconds of this century can tell apart."""
_given = [0.0]


def now() -> float:
    _given[0] = max(time.time(), _given[0] + _STEP_S)
    return _given[0]
