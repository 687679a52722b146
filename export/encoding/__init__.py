"""Features of millions of images as shards of Parquet, written here or by a Ray cluster."""
