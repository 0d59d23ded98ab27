"""Curated splits: the clips of a dataset that follow a rule, written beside it and recorded in its card."""
