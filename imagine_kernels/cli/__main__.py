"""``python -m imagine_kernels.cli``."""

from imagine_kernels.cli import main

main()
