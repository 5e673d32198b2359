"""Measuring placement: labelled cases and streams, our metrics, and the replay on the router's own tree."""
