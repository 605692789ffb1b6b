"""`python -m anomalyd` is `anomalyd`."""

from anomalyd.cli import main

if __name__ == "__main__":
    main()
