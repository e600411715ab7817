"""Importers of data sets in which people judged pictures."""
