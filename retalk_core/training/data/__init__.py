"""What is learnt from: talking heads, prepared from videos or drawn; a set of them and how it is made."""
