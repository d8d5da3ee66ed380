"""Datasets of images: embedded, from published archives, prepared by TFDS, in folders and in parquet files.

What there is of images alone; the reading of files, the splits and the digests are those of any data.
"""
