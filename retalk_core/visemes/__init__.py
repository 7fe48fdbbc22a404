"""What a voice asks of the mouth: its level, its speech sounds, and how lips move to them."""
