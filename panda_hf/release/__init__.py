"""The released Panda-70M: its CSV files to Parquet, and the rules of its subsets."""
