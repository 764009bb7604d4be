"""WHERE: terminals, the people who hold them, and their devices."""
