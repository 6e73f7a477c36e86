"""Transformation of rows: shape, masks, checks, quarantine, the schema contract."""
