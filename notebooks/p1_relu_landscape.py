# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Local minima of two-layer ReLU networks
#
# A student network $f_W(x)=\sum_{k=1}^{K}\mathrm{ReLU}(w_k\cdot x)$ learns a teacher of the same form with $M$
# orthonormal rows $v_m$ from Gaussian inputs $x\sim N(0,I_d)$. How does gradient descent fail? Not diffusely:
# for $K=M$ its endpoints pile up on a short list of losses, each the loss of an exactly known,
# block-symmetric configuration ([arXiv:2604.09412](https://arxiv.org/abs/2604.09412)).
#
# Everything rests on the population loss in closed form. With overlaps $Q=WW^\top$, $R=WV^\top$, $T=VV^\top$
# and
# $\kappa(a,b)=\mathbb{E}[(a\cdot x)_+(b\cdot x)_+]=\frac{1}{2\pi}\left(|a||b|\sin\theta+(\pi-\theta)\,a\cdot b\right)$,
#
# $$L(W)=\frac12\left[\sum_{kl}\kappa(w_k,w_l)-2\sum_{km}\kappa(w_k,v_m)+\sum_{mn}\kappa(v_m,v_n)\right],
# \qquad \nabla_W L=A\,W-B\,V .$$
#
# All losses below carry this factor $\frac12$, and rows of $W$ have norms of order one
# (the paper's are larger by $\sqrt d$; overlaps and losses are the same).

# %%
import companion.session
from companion.claims import relu_landscape as claims
from companion.claims.register import record, table
from companion.compute.seeds import CONFIRMATORY_ROOT
from companion.explore.relu_landscape import explorer
from companion.figures import relu_landscape as figures
from companion.figures.save import save
from companion.settings.types import Cluster, Count, Counts, Device, Positive, Profile, Seed
from companion.studies import relu_endpoints as study
from companion.studies import relu_families as families

# %% tags=["parameters"]
profile: Profile = "laptop"  # parameter file that these values come from
device: Device = "auto"  # where tensors live; this notebook computes on the CPU
cluster: Cluster = "local"  # who works on the blocks of a sweep
seed: Seed = 0  # root of the random starts shown in the figures
students: Counts = [6, 8, 10, 17]  # sizes K = M of the loss histogram, a panel each
initialisations: Counts = [1000, 1000, 500, 200]  # random starts of each panel
dimensions: Counts = [6, 8, 10, 17]  # input dimension d of each panel, M or more
overlap_students: Count = 10  # size K = M at which the overlap matrices are shown
wider_students: Count = 15  # size K = M + 1 at which those of families S and X are shown
largest_spectrum: Count = 20  # largest K whose full Hessian is diagonalised
largest_students: Count = 10000  # largest K of the reduced equations
largest_stability: Count = 200  # largest K, real, up to which smallest eigenvalues are drawn
claim_students: Counts = [10, 12]  # sizes K = M on which the claim about discrete minima is judged
claim_initialisations: Count = 200  # random starts at each of them
regime_students: Count = 19  # a size at which three-block children of the families appear
regime_initialisations: Count = 400  # random starts at this size
teacher_correlation: Positive = 0.1  # overlap of two teacher rows in the regime without orthogonality

# %%
run = companion.session.here("p1_relu_landscape", locals())
run

# %% [markdown]
# ## Gradient descent ends on a discrete set of losses
#
# From $W_{ka}\sim N(0,1/d)$ we follow gradient descent with step $2/K$ until $\|\nabla L\|<10^{-7}$. Dashed lines are
# no fit: they are the losses of families I($p$), with $p$ flipped units, and II($q$), with a flipped block
# of $q$ units, solved by Newton's method inside their invariant subspace.

# %% tags=["p1_f1_loss_histogram"]
histogram = study.loss_histogram(students, initialisations, dimensions, seed)
save("p1_f1_loss_histogram", figures.loss_histogram, histogram)

# %% [markdown]
# The bars stand on the lines; an endpoint anywhere else would be vermilion. I(1), one student pointing away from its
# teacher unit, takes nearly all failures at small $K$; with growing $K$ families with more flipped units share the
# harvest.
#
# Families have been labelled by one integer, $k_1$, the number of *anti-aligned* students. It is $p$ at I($p$) and $q$
# at II($q$), and so it does not tell all minima apart: for $15\leq K\leq17$ both I(6) and II(6) are minima, and a
# family that loses its stability leaves a child with three blocks, like II(6+1), with the $k_1$ of other minima. We
# name families by their blocks.
#
# **Judged on its own seeds.** The claim is that spurious endpoints belong to the listed families: same loss to
# $10^{-7}$ *and* same blocks to $10^{-5}$ after polishing. Beside it stand four regimes where it should break.

# %% tags=["p1_f1_loss_histogram"]
matches = study.family_matches(
    claim_students,
    claim_initialisations,
    regime_students,
    regime_initialisations,
    teacher_correlation,
    CONFIRMATORY_ROOT,
)
record(claims.discrete_minima(matches), claims.DISCRETE_MINIMA)

# %% [markdown]
# ## What the minima look like
#
# One representative of each family, students and teacher units permuted to block form. An aligned student
# ($R_{kk}\approx1$) has found its unit. A flipped one points *away* from its unit and leans on all the others:
# the sum of the aligned students makes up for the direction that it misses. At $K=M+1$ the spare student shares the
# flipped role (S) or averages the flipped units' teachers (X).

# %% tags=["p1_f2_overlap_matrices"]
overlaps = families.family_overlaps(overlap_students, wider_students)
save("p1_f2_overlap_matrices", figures.overlap_matrices, overlaps)

# %% [markdown]
# ## How bad they are, and how it scales
#
# In the block ansatz sizes enter as numbers: the loss costs the same at any width, even at a real one, so families
# can be followed to very large $K$ and their changes of stability placed exactly (a solid line is a minimum, a dotted
# one a saddle).
# Family I costs a constant per flipped unit and vanishes, $K L/p\to\frac12-\frac{2}{\pi^2}$. Family II($K$), where
# every unit is flipped, keeps a loss of order one, $L\to\frac12-\frac1\pi$.

# %% tags=["p1_f3_loss_against_width"]
widths = families.losses_against_width(largest_spectrum, largest_students)
save("p1_f3_loss_against_width", figures.loss_against_width, widths)

# %% [markdown]
# ## When they become minima
#
# It has been said that ReLU networks have no Hessian, so that stability has to be probed by noise. This is true of the
# loss on a sample. The population loss averages the kinks away: it is twice continuously differentiable wherever no
# student is zero (only third derivatives jump, at parallel pairs), and the signs of its eigenvalues decide.
#
# In $d$ dimensions the spectrum of the Hessian consists of its $KM$ eigenvalues inside the teacher's span and of
# the $K$ eigenvalues of $A$, each $d-M$ times. So one small computation decides stability at any $d$: a family is a
# minimum where both curves are positive. Each I($p$) is born a saddle and turns into a minimum at its own width;
# II(6) and II(7) lose their stability again, to children with three blocks. At $K=M+1$ the same happens later and
# stays weaker: the eigenvalues of S and X remain several times below those of I. Lines and markers are two
# computations, one by symmetry types at real $K$, one from all second derivatives with respect to the weights.

# %% tags=["p1_f4_stability"]
stability = families.stability(largest_spectrum, largest_stability)
save("p1_f4_stability", figures.stability, stability)

# %% tags=["p1_f4_stability"]
record(claims.stability_windows(stability), claims.STABILITY_WINDOWS)

# %% [markdown]
# ## What was claimed, and what we find

# %%
table()

# %% [markdown]
# ## Explore
#
# Choose a size, a family, and a random start: overlaps, spectrum in $d=1000$, and one descent against the families.

# %%
explorer()
