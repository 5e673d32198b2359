"""Whole trees in and out."""
