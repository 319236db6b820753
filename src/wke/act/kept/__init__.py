"""Connections that are kept between two commands."""
