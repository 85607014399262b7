"""Floor 3: find the specimen's thickness, mistilt, source and blur from the data."""
