"""The gallery: every figure and table in one folder, with a page that opens from disk."""
