"""`python -m panda_hf` is the command `panda-hf`."""

from panda_hf.cli import main

if __name__ == "__main__":
    main()
