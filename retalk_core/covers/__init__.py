"""What lies before the mouth of a followed face, such as a hand: found, told and left as it is."""
