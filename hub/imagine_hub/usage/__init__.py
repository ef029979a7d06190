"""Figures of use for the operator and the funder: what is written down, how it is counted, and who may see it."""
