"""Work that outlives the window that asked for it: a queue on disk of ``imagine`` commands, and the process that works through it.

A job is a command line of the terminal, kept with all that became of it: so whatever the terminal can do can be a job, and a job can be done
again by hand. It survives the end of the terminal, of the server and of the machine.
"""

from imagine_kernels.jobs.queue import Job, Jobs

__all__ = ["Job", "Jobs"]
