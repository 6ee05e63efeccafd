"""What a report of an automation leads to."""
