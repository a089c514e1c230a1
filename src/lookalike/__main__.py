"""``python -m lookalike``: the command."""

from lookalike.cli import main

if __name__ == "__main__":
    main(prog_name="lookalike")
