"""What homes of queues share: messages as rows, their positions, and gaps in them."""
