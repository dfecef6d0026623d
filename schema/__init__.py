"""The data contract: a leaf package that imports nothing else of this project."""
