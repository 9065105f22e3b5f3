"""What is computed of several loggers of a container, on a grid of data time."""
