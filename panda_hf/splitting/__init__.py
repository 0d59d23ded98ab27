"""Step 1: from a long video to the stretches that become clips."""
