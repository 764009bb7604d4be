"""The outside world: what every provider shares, and one folder for each of them."""
