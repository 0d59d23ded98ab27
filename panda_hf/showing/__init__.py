"""The method on one page: a visitor's clip captioned, a visitor's long video split, a dataset opened."""
