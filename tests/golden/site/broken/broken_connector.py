"""A connector whose driver is asked for too early."""

raise ImportError("no module named 'a_driver_that_nobody_has'")
