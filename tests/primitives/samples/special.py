from tests.primitives.sampling import between, distinct, fixed, given, integers, positive, real, sample
from vgrad.primitives import special
from vgrad.primitives.special import (
    betainc,
    betaln,
    digamma,
    entr,
    erf,
    erf_inv,
    expi,
    expn,
    gamma,
    gammasgn,
    igamma,
    igammac,
    lgamma,
    logit,
    ndtri,
    polygamma,
    spence,
    xlog1py,
    xlogy,
    zeta,
)

ORDER = given(lambda rng, dtype: dtype.type([1.0, 2.0, 3.0]), "orders", moves=False)
ENTIRE = ["erf", "erfc", "erfcx", "ndtr", "log_ndtr", "dawsn", "bessel_i0", "bessel_i1", "bessel_i0e", "bessel_i1e"]

SAMPLES = [
    *[sample(getattr(special, name), distinct(2, 3)).but(tolerance=100) for name in ENTIRE],
    sample(erf, real()),
    sample(erf, integers(-2, 2, 3)),
    sample(erf_inv, between(-0.9, 0.9, 3)),
    sample(logit, between(0.1, 0.9, 3)),
    sample(ndtri, between(0.1, 0.9, 3)),
    *[sample(function, positive(3)).but(tolerance=100) for function in (lgamma, gamma, digamma, expi, spence, entr)],
    sample(gammasgn, distinct(4)),
    sample(expn, ORDER, positive(2, 3)).but(tolerance=100),
    sample(polygamma, ORDER, positive(2, 3)).but(tolerance=100),
    sample(zeta, between(1.5, 5.0, 2, 3), positive(3)).but(tolerance=100),
    sample(xlogy, real(2, 3), positive(3)),
    sample(xlog1py, real(2, 3), positive(3)),
    sample(betaln, positive(2, 3), positive(3)).but(tolerance=100),
    sample(betainc, fixed(positive(2, 3)), fixed(positive(3)), between(0.1, 0.9, 3)).but(tolerance=100),
    *[sample(f, positive(2, 3), positive(3)).but(tolerance=100, second_order=False) for f in (igamma, igammac)],
]
