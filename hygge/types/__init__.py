"""Arrow types and values, exactly: casts, widening, checksums, watermarks, batches."""
