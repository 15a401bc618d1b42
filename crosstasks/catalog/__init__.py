"""Data and its readers: targets, pins, image recipes, known errors."""
