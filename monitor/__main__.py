"""`python -m monitor`: the same as `tcm`."""

from monitor.cli import main

main()
