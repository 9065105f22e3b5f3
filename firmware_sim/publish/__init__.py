"""The way to the broker: sessions, what goes wrong on the way, and a line without a broker."""
