"""The jobs. Each has one place: what it is to each system, and what has to come out of it."""

from __future__ import annotations

from . import nexmark, sales, shuffle
from .job import Job

JOBS: dict[str, Job] = {job.name: job for job in (*sales.JOBS, *nexmark.JOBS, shuffle.JOB)}

LEFT_OUT = {
    "q18": "the last bid of each bidder for each auction with all its columns, and a SELECT of "
    "kstream has neither OVER nor an aggregate for the last value",
}
