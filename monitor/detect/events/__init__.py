"""Rules on shock events: what one event exceeds by itself, and what the events of an accelerometer add up to."""
