"""What became of each row of a table: kept while the work goes on, then told as CSV, JSON and pages."""
