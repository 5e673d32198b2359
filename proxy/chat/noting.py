"""What an operator is told of an answer: where its turn went and what that saved, nothing of what it says."""

from __future__ import annotations

from proxy.chat.terms import Answer
from proxy.operations.entry import Entry


def noted(entry: Entry, answer: Answer) -> None:
    """Note an answer that has begun with its request."""
    entry.aside = answer.aside or ""
    placed, receipt = answer.attachment, answer.receipt
    if placed is not None:
        entry.scorer, entry.degraded = placed.scorer, placed.degraded
    if receipt is None:
        return
    entry.placed, entry.tree, entry.node = receipt.route, receipt.tree, receipt.node_id
    entry.sent_tokens, entry.saved_tokens = receipt.sent_tokens, receipt.saved_tokens
    entry.stages_ms = receipt.stages_ms
