"""Methods: each is a module that says what keeps it from a job, when it is worth a try, what it costs and why.

Every one has

- ``BOUND``, "componentwise" or "normwise": what its error is relative to. Precision "strict" takes the former alone.
- ``obstacle(geometry, types)``: what keeps it from doing the job, in words; empty if nothing does.
- ``doubt(geometry, types)``: why "auto" does not look at its cost, in words; empty if it does. Thresholds are measured.
- ``cost(geometry, types)``: of one image, in multiply-adds of the direct method at its best. "auto" takes the least.
- ``effort(plan)``: the same where the plan is known, for the number of workers and for the time.
- ``loops(plan, summed)``: how the engine's loops are made.
- ``reasons(plan)``: how it goes, in words.
- ``run(job, result, summed, limits)``: does a call; what it refuses it hands back to the direct method.

`choice` has them by name.
"""
