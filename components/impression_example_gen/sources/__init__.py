"""What the files of a split are read as: tasks that Beam shares out, and the rows of a task."""
