# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What does specialisation do to a second task?
#
# Two units learn one task [specialised or shared, as their start decides](p3_specialisation.py), then a second one
# with a readout of its own. Specialised networks should forget most when tasks are similar by half ("Maslow's hammer"),
# shared ones the more, the less similar tasks are, and elastic weight consolidation should profit from specialisation
# ([arXiv:2503.02526](https://arxiv.org/abs/2503.02526); **settings are reconstructed**). Where does this hold?

# %%
import companion.session
from companion.claims import committee_consolidation as consolidation_claims
from companion.claims import committee_forgetting as forgetting_claims
from companion.claims.register import record, table
from companion.compute.seeds import CONFIRMATORY_ROOT
from companion.explore import soft_committee as explore
from companion.figures import committee_consolidation as consolidation_figures
from companion.figures import committee_exceptions as exceptions_figures
from companion.figures import committee_forgetting as forgetting_figures
from companion.figures import committee_maps as map_figures
from companion.figures import digit_tasks as digit_figures
from companion.figures.save import save
from companion.settings.types import (
    Cluster,
    Count,
    Counts,
    Device,
    NonNegatives,
    Positive,
    Positives,
    Profile,
    Seed,
    Text,
)
from companion.studies import (
    committee_consolidation,
    committee_exceptions,
    committee_forgetting,
    committee_limits,
    committee_maps,
    digit_tasks,
)

# %% tags=["parameters"]
profile: Profile = "laptop"  # parameter file that these values come from
device: Device = "auto"  # where tensors live; this notebook computes on the CPU
cluster: Cluster = "local"  # who works on the blocks of a sweep
seed: Seed = 0  # root of what is only shown; claims have a root of their own
similarity_intervals: Count = 20  # intervals between similarities V of the teachers, from 0 to 1
partial_angles: Positives = [0.15, 0.3, 0.5]  # readout angles between specialised (0) and shared (π/4)
readout_scale: Positive = 0.3  # norm r of the readouts
weight_scale: Positive = 0.001  # standard deviation of the weights
durations: Positives = [200.0, 600.0]  # time of each task, steps / d
profile_dimension: Count = 500  # inputs d of the draws behind the profiles
profile_draws: Count = 24  # these draws
tilts: NonNegatives = [
    0.1,
    0.03,
    0.01,
    0.003,
    0.001,
    0.0003,
    0.0001,
    1.0e-6,
    1.0e-8,
    0.0,
]  # distances π/4 - θ
dimension: Count = 1000  # inputs d of the draws that claims are judged on
draws: Count = 8  # these draws
random_draws: Count = 80  # draws of Gaussian readouts
strengths: NonNegatives = [0.0, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0]  # γ
judged_strengths: Positives = [0.1, 0.3, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0]  # γ judged further
map_weight_scales: Positives = [0.001, 0.3, 1.0]  # weights whose starts are mapped
map_angles: Count = 26  # readout angles of a map
map_scales: Count = 20  # readout norms of a map
map_similarities: Count = 11  # similarities behind each of its points
map_draws: Count = 4  # draws of weights beside the maps
digit_source: Text = "digits"  # images: digits (with scikit-learn) or mnist (a local copy)
digit_students: Counts = [2, 8]  # students K that learn digits
digit_strengths: NonNegatives = [0.0, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0]  # penalties γ on digits
digit_draws: Count = 6  # draws of weights and batches
digit_steps: Count = 4000  # steps for each task

# %%
run = companion.session.here("p3_forgetting", locals())
similarities = [step / similarity_intervals for step in range(similarity_intervals + 1)]
tenths = [step / 10 for step in range(11)]
run

# %% [markdown]
# ## How similar must a second task be to do most harm?
#
# Teachers are $w^{*2}=Vw^{*1}+\sqrt{1-V^2}\,w_\perp$. After time $T$ for each task,
# $$F(a)=\epsilon_1(T+a)-\epsilon_1(T),\qquad F_\mathrm{shared}\to\tfrac13-\tfrac2\pi\arcsin\tfrac V2 .$$

# %% tags=["p3_f8_forgetting"]
starts = (readout_scale, weight_scale, durations)
sampled = (profile_dimension, profile_draws, seed)
profiles = committee_forgetting.profiles(similarities, partial_angles, *starts, *sampled)
save("p3_f8_forgetting", forgetting_figures.profiles, profiles)

# %% [markdown]
# Where one unit did task 1, a free one takes a dissimilar task 2 and little is lost; an intermediate one recruits the
# used unit. Exactly shared units have no free one and lose the more, the less similar the tasks are.
#
# ## Where this ends
#
# Seven ways to leave the plain starts. What was expected is dashed.

# %% tags=["p3_f13_exceptions"]
judged = (dimension, draws, random_draws, CONFIRMATORY_ROOT)
exceptions = committee_exceptions.exceptions(similarities, tilts, *starts, *judged)
save("p3_f13_exceptions", exceptions_figures.exceptions, exceptions)

# %% [markdown]
# The monotonic profile needs a tie to about $10^{-4}$; $S_\mathrm{use}=.01$ already makes a hump. The contrast belongs
# to the symmetric manifold, it is no smooth function of specialisation.

# %% tags=["p3_f8_forgetting", "p3_f13_exceptions"]
record(forgetting_claims.maslow(profiles, exceptions), forgetting_claims.MASLOW)

# %% [markdown]
# ## Everywhere at once
#
# The shape of $F(V)$ for every start $h^1=r(\cos\theta,\sin\theta)$, several weights and second readouts: tens of
# thousands of two-task runs, each a solution of the same equations.

# %% tags=["p3_f14_shape_maps", "p3_f15_shape_limits"]
mapped = (map_weight_scales, map_angles, map_scales, map_similarities)

# %% tags=["p3_f14_shape_maps"]
save("p3_f14_shape_maps", map_figures.shape_maps, committee_maps.shape_maps(*mapped, seed))

# %% [markdown]
# Off the tie the hump is the rule; where it also meets the claim's criterion, it is dark. The monotonic profile is the
# tie's (narrow strips). Weights of order one, large readouts or a copied one remove the hump.

# %% tags=["p3_f15_shape_limits"]
limits = committee_limits.shape_limits(*mapped, map_draws, seed)
save("p3_f15_shape_limits", map_figures.shape_limits, limits)

# %% [markdown]
# The monotonic set narrows towards small readouts (a). What more time and finer steps would change is in (d).
#
# ## What does it cost to protect task 1?
#
# $$L_2+\tfrac\gamma2\sum_kF_k|w_k-w_k^\circ|^2,\qquad F_k=\tfrac2\pi\,h_k^2/\sqrt{1+2Q_{kk}}$$

# %% tags=["p3_f9_ewc"]
penalised = (readout_scale, weight_scale, dimension, draws, CONFIRMATORY_ROOT)
penalties = ["fisher", "readout", "uniform"]
costs = committee_consolidation.consolidation(strengths, tenths, [0.3], *penalised, penalties=penalties)
save("p3_f9_ewc", consolidation_figures.consolidation, costs)

# %% [markdown]
# With one used unit the Fisher penalty holds that one alone and the free one learns task 2: no trade-off. Shared units
# are all held: a stability-plasticity trade-off, and where it is best the penalty may have broken the tie.

# %% tags=["p3_f9_ewc"]
few = (judged_strengths, tenths, [])
longer = committee_consolidation.consolidation(*few, *penalised, duration=600.0)
finer = committee_consolidation.consolidation(*few, *penalised, step=0.1)
record(consolidation_claims.ewc_is_cheap(costs, longer, finer), consolidation_claims.EWC_IS_CHEAP)

# %% [markdown]
# ## Away from theory: handwritten digits
#
# Does the start decide forgetting where inputs are not Gaussian and no committee fits the task? Even against odd first,
# then $y_2=Vy_1+\sqrt{1-V^2}\,y_\perp$; penalty
# $\frac\gamma2\sum_{kj}F_{kj}(w_{kj}-w^\circ_{kj})^2$, $F_{kj}=\langle(\partial\phi_1/\partial w_{kj})^2\rangle$.

# %% tags=["p3_f10_digits"]
on_digits = {"source": digit_source, "steps": digit_steps}
learned = digit_tasks.two_task_digits(digit_students, tenths, digit_strengths, digit_draws, seed, **on_digits)
save("p3_f10_digits", digit_figures.two_task_digits, learned)

# %% [markdown]
# On the small digits specialised starts forget about ten times less and keep the hump. Shared starts forget most at
# small $V$; their fall is monotonic only while the units stay alike (pale lines), since small random weights break the
# tie where the tasks are unlike. A Fisher penalty frees the specialised start of forgetting at little cost; the shared
# start has an optimum that stays dearer, and a uniform penalty loses this advantage. No claim is judged here.
#
# ## What was claimed, and what we find

# %%
table()

# %% [markdown]
# ## Explore
#
# Set the angle to the tie and $\gamma=1$, then switch the weights to a draw: the tie breaks and the cost falls
# fivefold.

# %%
explore.explorer()
