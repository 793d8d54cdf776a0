"""The job of ``xcorr apply``: image files in, responses out, whole or not at all, and gone on with where it stopped."""

from __future__ import annotations

from xcorr._cli.files_run import FilesRun
from xcorr._cli.folder import Folder, NotOurs
from xcorr._cli.job import STACKED, Job, JobError, Summary, Watch
from xcorr._cli.journal import Busy, Journal, locked
from xcorr._cli.stack_run import StackRun

__all__ = ["run_job"]


def run_job(job: Job, watch: Watch) -> Summary:
    """Do a job, or what is left of it.

    Raises
    ------
    Conflict
        Results that are not this job's are in its way.
    JobError
        A result cannot be written, something else is where a file of the job's own should be, another run is at work
        on the same results, or a file failed and the job stops then.
    MissingLibrary
        A library is not installed.
    """
    try:
        job.home.mkdir(parents=True, exist_ok=True)
        with Folder.named(job.home) as home, locked(home, job.folder) as folder:
            run = StackRun if job.form in STACKED else FilesRun
            return run(job, home, Journal(folder), watch).run()
    except (Busy, NotOurs) as error:
        raise JobError(str(error)) from error
    except BrokenPipeError:  # who was told of the progress has gone
        raise
    except OSError as error:
        raise JobError(f"cannot write {job.out}: {error.strerror or error}") from error
