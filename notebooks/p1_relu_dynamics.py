# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Do spurious minima attract one-pass learning?
#
# Stochastic gradient descent that sees every example once is, in large dimension, a flow of the overlaps of students
# and teachers. Are the minima of the loss the points where this flow ends, and what do finite steps change
# ([arXiv:2604.09412](https://arxiv.org/abs/2604.09412))?

# %%
import companion.session
from companion.claims import relu_dynamics as claims
from companion.claims.register import record, table
from companion.explore.relu_dynamics import explorer
from companion.figures import relu_dynamics as figures
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
    Texts,
)
from companion.studies import relu_dynamics as study
from companion.studies.relu_trajectories import trajectories

# %% tags=["parameters"]
profile: Profile = "laptop"  # parameter file that these values come from
device: Device = "auto"  # where tensors live; this notebook computes on the CPU
cluster: Cluster = "local"  # who works on the blocks of a sweep
seed: Seed = 0  # root of the starts and of the examples that the chain draws
students: Counts = [2, 3, 8]  # students K of each trajectory
teachers: Counts = [2, 2, 8]  # teacher units M of each trajectory
learning_rates: Positives = [0.8, 0.2, 0.1]  # step size of each trajectory
durations: Positives = [60.0, 100.0, 1200.0]  # length of each trajectory, in steps / d
starts: Naturals = [0, 0, 32]  # index of the random start of each; 32 leads K = M = 8 to a spurious minimum
dimensions: Counts = [100, 1000, 10000]  # input dimensions d of the chain
runs: Count = 20  # runs of the chain for each dimension
longest_chain: Count = 1200000  # steps of one run; chains that take more (d times duration) are left out
attractor_students: Counts = [7]  # sizes K = M of the minimum that learning is to stay near
attractor_rates: Positives = [0.02, 0.05, 0.1, 0.2, 0.3]  # step sizes there
attractor_dimension: Count = 1000  # dimension of the chain started in the stationary state
attractor_runs: Count = 8  # runs of this chain for each step size
spectrum_students: Counts = [5, 6, 7]  # students K of the points whose linearisation meets the Hessian
spectrum_families: Texts = ["all"]  # these points by name, like I(1) or S(1), or all of K = M and M + 1

# %%
run = companion.session.here("p1_relu_dynamics", locals())
run

# %% [markdown]
# ## Does learning follow a flow?
#
# With one fresh example for each step and time counted in steps $/d$, the overlaps $Q=WW^\top$, $R=WV^\top$ obey
# $$\dot R=-\eta(AR-BT),\qquad \dot Q=-\eta(AQ+QA-BR^\top-RB^\top)+\eta^2N$$
# for $d\to\infty$, where $\nabla L=AW-BV$ and $N$ is what the finite size of a step adds. At finite $d$ the overlaps
# are a Markov chain, which we simulate exactly from one start shared by all curves.

# %% tags=["p1_f6_trajectories"]
paths = trajectories(
    students,
    teachers,
    learning_rates,
    durations,
    starts,
    dimensions,
    runs,
    seed,
    longest_chain=longest_chain,
)
save("p1_f6_trajectories", figures.trajectories, paths)

# %% [markdown]
# The chain settles on the flow with noise, not on gradient flow, and the larger $\eta$ is, the further the two are
# apart. What small $d$ adds is scatter in the time of leaving the plateau, on which the students are alike.
#
# Where a minimum is in the way this scatter decides more. A flow that ends in a spurious minimum, with a student
# pointing away from its teacher unit, comes to rest above it, on the upper thin line. Runs at finite $d$ from the same
# start need not: the title of the panel counts those that share its fate.

# %% [markdown]
# ## Where does learning come to rest?
#
# Without noise each minimum is an attractive fixed point. With it, students gain a part across the span of the
# teachers, $S=Q-RT^{-1}R^\top$, and to first order in $\eta$
# $$S=\eta\,\mathcal S,\quad A\mathcal S+\mathcal SA=N,\qquad L=L_0+\tfrac{\eta}{4}\,\mathrm{tr}\,N .$$

# %% tags=["p1_f8_attractors"]
states = study.attractors(attractor_students, attractor_rates, attractor_dimension, attractor_runs, seed)
save("p1_f8_attractors", figures.attractors, states)

# %% [markdown]
# The minimum is the place of rest for $\eta\to0$ only. Longer steps shift the loss further than the linear law says,
# panel (c), while the state remains stable: what fails first is the law, not the attractor. The state itself ends in
# a fold, where it meets an unstable one; with longer steps nothing holds learning near this minimum.

# %% tags=["p1_f8_attractors"]
spectra = study.linearisation(spectrum_students, spectrum_families, 1.0)
record(claims.sgd_attractor(spectra, states), claims.SGD_ATTRACTOR)

# %% [markdown]
# ## Appendix: does the Hessian say it all?
#
# The flow has $KM+K(K+1)/2$ coordinates; near a critical point they relax with the eigenvalues of the Hessian inside
# the span and with the sums of two eigenvalues of $A$:
# $$\mathrm{spec}\,J=-\eta\,\{\mathrm{eig}\,H_\parallel\}\cup-\eta\,\{a_i+a_j:\,i\leq j\}.$$

# %% tags=["p1_f7_linearisation"]
save("p1_f7_linearisation", figures.linearisation, spectra)

# %% [markdown]
# They agree to rounding, at every critical point on the list. Where the largest eigenvalue is negative the loss has a
# minimum and learning stays; where it is positive, as at every point with $K=5$, the loss has a saddle and learning
# leaves.

# %% [markdown]
# ## What was claimed, and what we find

# %%
table()

# %% [markdown]
# ## Explore
#
# Choose a size, a step and a dimension: the flow, and four runs at finite $d$ that leave the plateau one by one.

# %%
explorer()
