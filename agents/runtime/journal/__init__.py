"""What is durable: entries, rows, outbox, archive, lease, export."""
