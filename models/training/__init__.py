"""Networks as they are trained, under the names of released files, and those that only training needs."""
