"""Floor 2: nanoscale scenes: generators fill volumes with atoms, pieces meet in a box, every atom keeps its labels."""
