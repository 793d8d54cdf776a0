"""Methods: each is a module that says what keeps it from a job, when it is worth a try, what it costs and why.

Every one has

- ``BOUND``, "componentwise" or "normwise": what its error is relative to. Precision "strict" takes the former alone.
- ``LARGEST_KEPT_BANK``: bytes of kernels and bias that are kept packed for the next call, which then has only to
  compare them; ``WORKERS_LIMIT``: bytes of all workers' workspaces.
- ``obstacle(geometry, types)``: what keeps it from doing the job, in words; empty if nothing does.
- ``doubt(geometry, types)``: why "auto" does not look at its cost, in words; empty if it does. Thresholds are measured.
- ``cost(geometry, types)``: of one image, in multiply-adds of the direct method at its best. "auto" takes the least.
- ``effort(plan)``: the same where the plan is known, for the number of workers and for the time.
- ``loops(plan, summed)``: how the engine's loops are made.
- ``reasons(plan)``: how it goes, in words.
- ``check(plan, packed)``: MemoryError if a call surely needs more workspace than it may have beside so many bytes.
- ``n_bytes(job, result, summed, n_workers)``: the bytes of the prepared bank, and of all workspaces at most.
- ``run(job, result, summed, limits)``: does a call in sums of a type; false if a response is outside of the limits, or
  is no number. What a method cannot do it hands back to the direct one.
- ``run_exactly(job, result, summed, limits, bound)``: the same of whole numbers that sums of the type hold; not where
  integers are an obstacle.

`choice` has them by name.
"""
