"""Searches: parameters whose values are chosen by results, as the file describes them."""
