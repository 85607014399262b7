"""Floor 2: what detector and experiment do to patterns."""
