"""``python -m experiments``: run the experiments of the rows, or ``sweep`` one over a grid."""

import sys

if __name__ == "__main__":
    if sys.argv[1:2] == ["sweep"]:
        from experiments.sweep import main

        main(sys.argv[2:])
    elif sys.argv[1:] == ["--list"]:
        from derivations.rows import ROWS

        print(*ROWS, sep="\n")  # before anything is imported
    else:
        from experiments.command import main as run

        run()
