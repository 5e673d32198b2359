"""`python -m proxy` is `graft`."""

from proxy.cli.main import main

if __name__ == "__main__":
    main()
