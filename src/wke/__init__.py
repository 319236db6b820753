"""wke: deploy and measure distributed systems."""
