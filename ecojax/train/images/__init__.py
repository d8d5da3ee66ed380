"""What a recipe does to images only."""
