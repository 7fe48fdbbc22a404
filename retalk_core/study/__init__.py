"""A blind user study of a comparison: stimuli, orders, the page to fill in, answers, and what they say."""
