"""Libraries that find the frames shown at given seconds; ``sample_frames`` picks one by name.

Each module defines ``sample(video, times, size, threads) -> uint8 [n, h, w, 3]``.
"""
