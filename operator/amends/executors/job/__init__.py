"""Jobs: one for each attempt, watched to its end, and what its pods say judged."""
