"""Floor 3: labelled data drawn from recipes: structures, how they are imaged, and what is where."""
