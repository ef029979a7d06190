"""From pictures to probabilities, in batches, without torch on the CPU."""
