"""What the scripts measure with; no part of the installed package."""
