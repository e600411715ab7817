"""One theme for all plots, as pictures and as drawings of a page."""
