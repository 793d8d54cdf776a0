"""Which method: a pure function of one image's sizes and the bank's, never of the batch or of the workers."""

from types import ModuleType

from xcorr._axes import Geometry
from xcorr._dtypes import Types
from xcorr._methods import direct, fft, matmul, separable, winograd
from xcorr._methods.asked import Plan
from xcorr._units import count_word

METHODS: dict[str, ModuleType] = {
    "direct": direct,
    "matmul": matmul,
    "fft": fft,
    "winograd": winograd,
    "separable": separable,
}
STRICT = "precision 'strict': its bound is normwise"


def choose(geometry: Geometry, types: Types, method: str, precision: str) -> str:
    """The method that a call takes: the forced one if it can do the job, else the cheapest of those considered."""
    if method == "auto":
        considered = [name for name in METHODS if not objection(name, geometry, types, precision)]
        return considered[0] if len(considered) == 1 else min(considered, key=lambda name: cost(name, geometry, types))
    obstacle: str = METHODS[method].obstacle(geometry, types)
    if precision == "strict" and METHODS[method].BOUND == "normwise":
        obstacle = STRICT
    if obstacle:
        raise ValueError(f"method: '{method}' cannot do this job, which has {obstacle}; allowed is 'auto'")
    return method


def objection(name: str, geometry: Geometry, types: Types, precision: str) -> str:
    """Why "auto" does not look at a method's cost; empty if it does."""
    module = METHODS[name]
    if precision == "strict" and module.BOUND == "normwise":
        return STRICT
    if precision == "strict" and name == "matmul" and matmul.by_tiles(geometry, types):
        return "precision 'strict': its bound is n u S"
    against: str = module.obstacle(geometry, types) or module.doubt(geometry, types)
    return against


def cost(name: str, geometry: Geometry, types: Types) -> float:
    """What a method costs for one image, in multiply-adds of the direct method at its best."""
    return float(METHODS[name].cost(geometry, types))


def reasons(plan: Plan) -> list[str]:
    """Why the plan's method is taken and how it goes, in words."""
    sizes = plan.geometry, plan.types
    own: list[str] = METHODS[plan.method].reasons(plan)
    if plan.settings.method != "auto":
        return ["as asked", *own]
    if plan.settings.precision == "strict":
        return ["precision strict: it has the error bound of every response by itself", *own]
    objections = {name: objection(name, *sizes, "standard") for name in METHODS}
    costs = {name: cost(name, *sizes) for name, against in objections.items() if not against}
    others = [f"not {name}: {against}" for name, against in objections.items() if against]
    if plan.most_rank:
        kinds = {separable.WORDS: "are multiples of a small whole product", 1: "are one product"}
        products = kinds.get(plan.most_rank, f"are up to {plan.most_rank} products")
        others = [own for own in others if not own.startswith("not separable")]
        others = [f"but for kernels that {products} of a column and a row, which are separable", *others]
    if len(costs) == 1:
        return [*others, *own]
    (first, least), *dearer = sorted(costs.items(), key=lambda item: item[1])
    beside = ", ".join(f"{name} {count_word(number)}" for name, number in dearer)
    return [f"of one image, {first} costs as much as {count_word(least)} multiply-adds, {beside}", *own, *others]
