"""Trees looked at and changed by hand: pages, search, reports, labels, moves and deletions."""
