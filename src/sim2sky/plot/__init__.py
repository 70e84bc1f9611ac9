"""The figures of a paper: one module per figure, one style for all of them."""
