"""Networks against their peers: time, memory, equality."""
