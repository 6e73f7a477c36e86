"""Arrow types and exact values: casts, widening, checksums, watermarks, batches."""
