"""hygge moves tables from homes to stores: stage, prove, publish, then remember."""

__version__ = "0.1.0"
