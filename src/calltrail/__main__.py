"""`python -m calltrail`."""

from calltrail.cli.main import main

if __name__ == "__main__":
    main()
