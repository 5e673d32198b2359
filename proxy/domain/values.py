"""`value`: what makes a class of values, as `dataclass` does.

Values are frozen to whoever reads the code and to the type checker. At run time nothing watches over that: a frozen dataclass sets each
field by way of `object.__setattr__`, which takes five times as long, and a request makes a dozen values of a dozen fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as value
else:
    from dataclasses import dataclass

    def value(*, frozen: bool, slots: bool) -> Any:
        """A dataclass that can be compared and hashed."""
        return dataclass(slots=slots, unsafe_hash=frozen)


__all__ = ["value"]
