# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What one more student changes
#
# At $K=M$ gradient descent often ends in a spurious minimum. How much width does it take to be rid of them, and are
# the minima of a wider student the old ones with a spare unit? They are not: $K=M+1$ has families of its own, S($p$),
# a flipped role shared by two unequal students, and X($p$), an extra student that averages the flipped teachers
# ([arXiv:2604.09412](https://arxiv.org/abs/2604.09412); the names are ours).

# %%
import companion.session
from companion.claims import relu_width as claims
from companion.claims.register import record, table
from companion.compute.seeds import CONFIRMATORY_ROOT
from companion.explore.relu_width import explorer
from companion.figures import relu_width as figures
from companion.figures.save import save
from companion.settings.types import (
    Cluster,
    Count,
    Counts,
    Device,
    Naturals,
    Positives,
    Profile,
    Seed,
)
from companion.studies import relu_width as study

# %% tags=["parameters"]
profile: Profile = "laptop"  # parameter file that these values come from
device: Device = "auto"  # where tensors live; this notebook computes on the CPU
cluster: Cluster = "local"  # who works on the blocks of a sweep
seed: Seed = 0  # root of the random starts shown in the figures
teachers: Counts = [6, 8, 10, 12, 14, 17]  # teacher units M of the frequencies
surplus: Naturals = [0, 1, 2]  # students beyond the teacher units, K - M, one panel each
initialisations: Count = 200  # random starts for each M and K
claim_teachers: Count = 17  # teacher units M of the claim about width
claim_initialisations: Count = 100  # random starts for each K of this claim
small_teachers: Count = 10  # a teacher so small that one more student is enough
table_teachers: Count = 17  # teacher units M of the table of families, K = M and M + 1
table_flipped: Count = 9  # largest number of flipped units in this table
start_students: Counts = [8]  # sizes K = M at which the start is varied
dimensions: Counts = [
    16,
    64,
    1000,
    1000000,
]  # input dimensions d, beside d = M; those below a size are left out
scales: Positives = [0.01, 0.1, 1.0, 3.0]  # scales of the initial weights
start_initialisations: Count = 300  # random starts for each of these

# %%
run = companion.session.here("p1_relu_width", locals())
run

# %% [markdown]
# ## How often descent fails, and where it ends
#
# Runs with $K>M$ approach global minima as a power law of time, $L\sim t^{-3}$, so they stop at
# $\|\nabla L\|<10^{-6}$; those whose loss is still above that of a global minimum (a tenth of the lowest family's)
# go on to $10^{-9}$ before they are named. Weights start at $d=M$.

# %% tags=["p1_p3_endpoint_frequencies"]
frequencies = study.endpoint_frequencies(teachers, surplus, initialisations, seed)
save("p1_p3_endpoint_frequencies", figures.endpoint_frequencies, frequencies)

# %% [markdown]
# At $K=M$ larger teachers make failures more frequent and spread them over more families. One more student removes
# them for small teachers, and for larger ones the X families take their place; with two more students no family is
# known. The claim below counts what is left, on its own seeds.

# %% tags=["p1_p3_endpoint_frequencies"]
judged = study.endpoint_frequencies([claim_teachers], [0, 1, 2], claim_initialisations, CONFIRMATORY_ROOT)
small = study.endpoint_frequencies([small_teachers], [0, 1, 2], claim_initialisations, CONFIRMATORY_ROOT)
record(claims.width_reaches_global(judged, small), claims.WIDTH_REACHES_GLOBAL)

# %% [markdown]
# ## When to stop decides what is counted
#
# The same starts, stopped at $10^{-5}$ and converged, by the number $k_1$ of anti-aligned students and by family. X(2)
# at $M=17$ is a saddle with a single weakly negative direction: descent lingers there for very long, and a table of
# endpoints at one loose tolerance lists it, under $k_1=2$, as if it were a minimum.

# %% tags=["p1_t2_stopping"]
stopping = study.tolerance_comparison(claim_teachers, [0, 1, 2], claim_initialisations, seed)
save("p1_t2_stopping", figures.stopping, stopping)

# %% [markdown]
# It has been said that at $K=M+1$ no stable solution has $k_1=1$. That is right when students are counted by the sign
# of their overlap: S(1), where two unequal students share the flipped role, has two anti-aligned ones. It is a minimum
# for $M\geq7$, but one with a tiny basin. In the same way S(2) has $k_1=3$, like X(3): another pair that $k_1$ does not
# tell apart.
#
# ## The families of the wider student are softer
#
# Smallest eigenvalues at $K=M$ and $K=M+1$, and how many starts end in each family. The wider student's minima are
# soft, not unstable. At $M=17$, X(3) is a minimum by $4\cdot10^{-5}$ only, X(4) and X(5) have a quarter and a half of
# what I(4) and I(5) have.

# %% tags=["p1_t1_families"]
listed = study.families_of_sizes(
    [(table_teachers, table_teachers), (table_teachers + 1, table_teachers)],
    table_flipped,
    initialisations,
    seed,
)
save("p1_t1_families", figures.family_table, listed)

# %% tags=["p1_t1_families"]
record(
    claims.width_changes_stability(study.softness(table_teachers, [2, 3, 4, 5])),
    claims.WIDTH_CHANGES_STABILITY,
)

# %% [markdown]
# ## The start hardly matters
#
# The minima live in the span of the teacher, so the input dimension enters through the start alone. Beyond $d=K+M$
# its overlaps are drawn from their exact law, Gaussian inside the span and Wishart across it, so that a million
# dimensions cost no more than twenty.

# %% tags=["p1_f11_start_dependence"]
starts = study.start_dependence(start_students, dimensions, scales, start_initialisations, seed)
save("p1_f11_start_dependence", figures.start_dependence, starts)

# %% [markdown]
# ## What was claimed, and what we find

# %%
table()

# %% [markdown]
# ## Explore
#
# Choose $M$ and $K-M$: where descent ends. Sizes that are not stored say what they cost, and are computed if you like.

# %%
explorer(teachers=17)
