"""`python -m harness` is `cs-harness`."""

from harness.cli import main

if __name__ == "__main__":
    main()
