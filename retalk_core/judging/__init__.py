"""How good a video's lips are, whoever made it: the paper's metrics and more, over a clip or a folder."""
