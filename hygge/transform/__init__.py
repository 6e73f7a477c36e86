"""What happens to rows on their way: shape, masks, checks, quarantine, the schema contract."""
