"""What becomes of the fields' values: how many have an id of their own, and how many ids have a value."""
