"""How a run moves rows: plan, coordinator, one move in seven steps, staging, retries."""
