"""``python -m imagine_hub.care`` is the command ``imagine-hub``."""

from imagine_hub.care.commands import main

if __name__ == "__main__":
    main(prog_name="imagine-hub")
