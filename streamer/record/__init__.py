"""What is kept of calls, and proven: events, the journal, webhooks, evidence."""
