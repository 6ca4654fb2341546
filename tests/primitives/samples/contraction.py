import numpy as np

from tests.primitives.sampling import booleans, complex_, integers, real, sample
from vgrad.primitives.contraction import contract

SAMPLES = [
    sample(contract, real(2, 3), real(3, 4), spec="ij,jk->ik"),
    sample(contract, real(3, 2), real(4, 3), spec="ji,kj->ki"),
    sample(contract, real(3), real(3, 4), spec="j,jk->k"),
    sample(contract, real(3), real(3), spec="i,i->"),
    sample(contract, real(2), real(3), spec="i,j->ij"),
    sample(contract, real(2, 3), real(2, 3), spec="ij,ij->ij"),
    sample(contract, real(4, 2, 3), real(4, 3, 2), spec="bij,bjk->bik"),
    sample(contract, real(2, 4, 3), real(4, 5, 3), spec="ibj,bkj->kbi"),
    sample(contract, real(4, 2, 3), real(4, 2, 5), spec="bti,bto->bio"),
    sample(contract, real(4, 3), real(4, 3), spec="bi,bi->b"),
    sample(contract, real(2, 3, 4), real(4, 3, 5), spec="abc,cbd->ad"),
    sample(contract, real(2, 3), real(3, 4), spec="ij,kl->il"),
    sample(contract, real(2, 3), spec="ij->"),
    sample(contract, real(2, 3), spec="ij->ji"),
    sample(contract, real(3, 3), spec="ii->i"),
    sample(contract, real(3, 3), spec="ii->"),
    sample(contract, real(3, 2, 3, 3), real(2), spec="ijii,j->ij"),
    sample(contract, real(), real(2), real(), spec=",i,->i"),
    sample(contract, real(2, 3), real(2, 4), real(2, 3), real(2, 4), spec="bi,bo,bi,bo->b"),
    sample(contract, real(3), real(3, 2, 4), real(3, 2, 5), spec="b,bti,bto->io"),
    sample(contract, real(0, 3), real(3, 2), spec="ij,jk->ik"),
    sample(contract, real(2, 0), real(0, 3), spec="ij,jk->ik"),
    sample(contract, complex_(2, 3), complex_(3, 4), spec="ij,jk->ik"),
    sample(contract, integers(-3, 3, 2, 3), integers(-3, 3, 3, 4), spec="ij,jk->ik"),
    sample(contract, integers(-3, 3, 2, 3, dtype=np.int8), spec="ij->i"),
    sample(contract, booleans(2, 3), booleans(3, 4), spec="ij,jk->ik"),
]
