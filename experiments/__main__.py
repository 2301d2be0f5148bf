"""``python -m experiments``: run the experiments of the rows, ``sweep`` one, or run a ``stack`` of your own."""

import sys

if __name__ == "__main__":
    if sys.argv[1:2] == ["sweep"]:
        from experiments.sweep import main

        main(sys.argv[2:])
    elif sys.argv[1:] == ["--list"]:
        from derivations.rows import ROWS

        print(*ROWS, sep="\n")  # before anything is imported
    elif sys.argv[1:2] == ["stack"]:
        from experiments.own_stack_command import main as own

        own(sys.argv[2:])
    else:
        from experiments.command import main as run

        run()
