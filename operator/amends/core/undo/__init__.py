"""What becomes of a Compensation: approved, attempted, proved."""
