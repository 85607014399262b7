"""Floor 2: atoms: perovskites, domains, nanoscale scenes."""
