"""One folder per public dataset: how to build it and describe it. Run them with `panda-hf build NAME`."""
