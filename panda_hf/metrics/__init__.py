"""Metrics, one folder each, in the form of the evaluate library."""
