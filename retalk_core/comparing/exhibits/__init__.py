"""What a comparison shows: strips of pictures, videos side by side, pages of tables."""
