"""The engine: plan, coordinator, one move in seven steps, staging, retries."""
