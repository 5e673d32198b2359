"""Where a new turn joins the tree."""
