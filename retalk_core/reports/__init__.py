"""What is told of a clip: the report, the check of a finished file, charts, the drawn track."""
