"""Ends: the padded pixels along each axis that the responses of a plan's part are made of, by its method."""

from xcorr._axes import Axis
from xcorr._methods import boxes, winograd
from xcorr._methods.fft import fold_of_plan
from xcorr._plan import Plan
from xcorr._reads import End


def ends_of(plan: Plan) -> tuple[End, ...]:
    """The ends along each axis of what a part, `Plan.part`, reaches: its windows, or the quads or sections of these."""
    if plan.method == "fft":
        return ends_of_sections(plan)
    axes = plan.geometry.axes
    if plan.method == "winograd":
        side = winograd.quad_side(plan.geometry)
        axes, _ = plan.geometry.within((side * axes[0].dilation, side * axes[1].dilation))
    return tuple((-axis.before, -axis.before + axis.reached) for axis in axes)


def ends_of_sections(plan: Plan) -> tuple[End, ...]:
    """The ends of the sections that have a response of a part."""
    section = plan.section[0]
    sides = zip(boxes.reached_by_section(plan), (section.valid_rows, section.valid_columns), strict=True)
    return tuple(
        of_sections(own, whole, reached, valid)
        for own, whole, (reached, valid) in zip(plan.geometry.axes, plan.geometry.whole, sides, strict=True)
    )


def of_sections(own: Axis, whole: Axis, reached: int, valid: int) -> End:
    """The padded pixels along an axis that the sections of a part's windows reach, of those of the whole image."""
    first = (whole.before - own.before) // valid
    last = (whole.before - own.before + own.span - 1) // valid
    return first * valid - whole.before, min(last * valid + reached, whole.reached) - whole.before


def is_folded(plan: Plan) -> bool:
    """Whether the lines of an image are folded as a whole, so that no part is made of some of its pixels."""
    return plan.method == "fft" and (fold_of_plan(plan) is not None or bool(plan.sizes.n_stretches))
