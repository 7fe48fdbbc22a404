"""The embedded lip engine: drive, shape, retrieval, warp.

It needs no checkpoint: the voice says how far the mouth is open and how wide it is (drive), a linear
model of mouth shapes says where every point of the face goes (shape), the clip's own pictures supply the
texture (retrieval), and a triangle mesh carries the pixels there (warp).
"""
