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
from companion.figures import relu_width as figures
from companion.figures.save import save
from companion.settings.types import Cluster, Count, Counts, Device, Positives, Profile, Seed
from companion.studies import relu_width as study

# %% tags=["parameters"]
profile: Profile = "laptop"  # parameter file that these values come from
device: Device = "auto"  # where tensors live; this notebook computes on the CPU
cluster: Cluster = "local"  # who works on the blocks of a sweep
seed: Seed = 0  # root of the random starts shown in the figures
teachers: Counts = [6, 8, 10, 12, 14, 17]  # teacher units M of the frequencies, at K = M, M + 1, M + 2
initialisations: Count = 200  # random starts for each M and K
claim_teachers: Count = 17  # teacher units M of the claim about width
claim_initialisations: Count = 100  # random starts for each K of this claim
small_teachers: Count = 10  # a teacher so small that one more student is enough
table_teachers: Count = 17  # teacher units M of the table of families, K = M and M + 1
table_flipped: Count = 9  # largest number of flipped units in this table
start_students: Count = 8  # size K = M at which the start is varied
dimensions: Counts = [8, 16, 64, 1000]  # input dimensions d
scales: Positives = [0.01, 0.1, 1.0, 3.0]  # scales of the initial weights
start_initialisations: Count = 300  # random starts for each of these

# %%
run = companion.session.here("p1_relu_width", locals())
run

# %% [markdown]
# ## How often descent fails, and where it ends
#
# Runs with $K>M$ approach global minima as a power law of time, $L\sim t^{-3}$, so they stop at
# $\|\nabla L\|<10^{-6}$; those with a loss above $10^{-3}$ go on to $10^{-9}$ before they are named.

# %% tags=["p1_p3_endpoint_frequencies"]
frequencies = study.endpoint_frequencies(teachers, [0, 1, 2], initialisations, seed)
save("p1_p3_endpoint_frequencies", figures.endpoint_frequencies, frequencies)

# %% [markdown]
# At $K=M$ failure is the rule from $M=12$ on, and larger teachers spread it over more families. One more student
# removes it for small teachers; for larger ones the X families return. Two more leave none.

# %% tags=["p1_p3_endpoint_frequencies"]
judged = study.endpoint_frequencies([claim_teachers], [0, 1, 2], claim_initialisations, CONFIRMATORY_ROOT)
small = study.endpoint_frequencies([small_teachers], [0, 1, 2], claim_initialisations, CONFIRMATORY_ROOT)
record(claims.width_reaches_global(judged, small), claims.WIDTH_REACHES_GLOBAL)

# %% [markdown]
# ## When to stop decides what is counted
#
# The same starts, stopped at $10^{-5}$ and converged. X(2) is a saddle with a single weakly negative direction: descent
# lingers there for very long. A table of endpoints at one loose tolerance lists it as if it were a minimum.

# %% tags=["p1_t2_stopping"]
stopping = study.tolerance_comparison(claim_teachers, claim_initialisations, seed)
save("p1_t2_stopping", figures.stopping, stopping)

# %% [markdown]
# ## The families of the wider student are softer
#
# Smallest eigenvalues at $K=M$ and $K=M+1$. The wider student's minima are soft, not unstable: X(3) is a minimum by
# $4\cdot10^{-5}$ only, X(4) and X(5) by a quarter and a half of what I(4) and I(5) have.

# %% tags=["p1_t1_families"]
listed = study.families_of_sizes(
    [(table_teachers, table_teachers), (table_teachers + 1, table_teachers)], table_flipped
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
# The minima live in the span of the teacher, so the input dimension enters through the start alone; neither it nor
# the scale of the initial weights moves the spurious share by more than some points.

# %% tags=["p1_f11_start_dependence"]
starts = study.start_dependence(start_students, dimensions, scales, start_initialisations, seed)
save("p1_f11_start_dependence", figures.start_dependence, starts)

# %% [markdown]
# ## What was claimed, and what we find

# %%
table()
