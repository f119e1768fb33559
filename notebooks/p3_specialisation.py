# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Does initialisation decide who specialises?
#
# A network with more units than its task needs may give the task to one of them or share it among all. The start
# decides ([arXiv:2503.02526](https://arxiv.org/abs/2503.02526)): but which starts, and in which setting? The paper's
# full text was not at hand: **settings and schemes are reconstructed**, and several textbook contrasts hold in parts of
# the space of starts only. What specialisation then does to a second task is the subject of
# [a notebook of its own](p3_forgetting.py).

# %%
import companion.session
from companion.claims import committee_readouts as readout_claims
from companion.claims import committee_starts as start_claims
from companion.claims.register import record, table
from companion.compute.seeds import CONFIRMATORY_ROOT
from companion.explore.soft_committee import explorer
from companion.figures import committee_imbalance as imbalance_figures
from companion.figures import committee_readouts as readout_figures
from companion.figures import committee_simulation as simulation_figures
from companion.figures import committee_starts as start_figures
from companion.figures import committee_trajectories as trajectory_figures
from companion.figures import deep_linear as linear_figures
from companion.figures.save import save
from companion.settings.types import (
    Cluster,
    Count,
    Counts,
    Device,
    NonNegatives,
    Numbers,
    Positive,
    Positives,
    Profile,
    Seed,
)
from companion.studies import (
    balanced_linear,
    committee_imbalance,
    committee_readouts,
    committee_simulation,
    committee_starts,
    committee_trajectories,
    deep_linear,
)

# %% tags=["parameters"]
profile: Profile = "laptop"  # parameter file that these values come from
device: Device = "auto"  # where tensors live; this notebook computes on the CPU
cluster: Cluster = "local"  # who works on the blocks of a sweep
seed: Seed = 0  # root of what is only shown; claims have a root of their own
start_angles: NonNegatives = [0.0, 0.3, 0.7853981633974483]  # readout angles whose trajectories are drawn
run_dimension: Count = 500  # inputs d of the simulations beside them
runs: Count = 5  # simulations for each angle
simulated_dimensions: Counts = [125, 250, 500, 1000, 2000]  # inputs d at which SGD is held against the flow
shown_dimension: Count = 1000  # the one of them whose courses are drawn
simulation_draws: Count = 8  # simulations for each of them
simulation_time: Positive = 60.0  # units of time for each of their two tasks, steps / d
weight_scales: Positives = [0.001, 0.1, 1.0]  # standard deviations of weights whose landscapes are mapped
map_draws: Counts = [1, 4, 24]  # draws behind each of these maps
map_readout_scales: Positives = [0.03, 0.05, 0.08, 0.14, 0.24, 0.4, 0.7, 1.2, 2.0, 3.0]  # readout norms
map_angles: Count = 21  # angles of these maps
readout_scales: Positives = [0.1, 0.3, 1.0, 2.0]  # norms along whose angles claims are judged
learning_rates: Positives = [0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0]  # rates of the first layer
fast_rates: Positives = [6.0, 8.0]  # rates at which noise undoes the claim
drawn_scales: Positives = [0.001, 1.0]  # weights that are drawn at finite d for the claim
angles: Count = 33  # angles of the claim
few_angles: Count = 9  # angles where every draw is followed
draws: Count = 32  # draws of weights
dimension: Count = 500  # their inputs d
entropy_angles: NonNegatives = [0.0, 0.1, 0.2, 0.4, 0.6, 0.7853981633974483]  # readout angles against entropy
random_students: Counts = [2, 4]  # students K with Gaussian readouts
random_scales: Positives = [0.1, 0.5, 1.0]  # standard deviations of these readouts
random_draws: Count = 48  # draws of them
ratios: Numbers = [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0]  # log10 of readouts' over weights' deviation
geometric_means: Positives = [0.001, 0.03, 0.1]  # geometric means g of the two
imbalance_draws: Count = 200  # draws of each
imbalance_dimension: Count = 200  # their inputs d
linear_samples: Count = 1000000  # starts of the linear map
linear_draws: Count = 100  # starts behind each point of its other panels

# %%
run = companion.session.here("p3_specialisation", locals())
run

# %% [markdown]
# ## Same error, different division of labour
#
# Two erf students learn one teacher unit from readouts $h=r(\cos\theta,\sin\theta)$ and equal small weights. Who does
# the work? $$p_k=\frac{|h_k|\sqrt{Q_{kk}}}{\sum_j|h_j|\sqrt{Q_{jj}}},\qquad S_\mathrm{use}=1-\frac{H(p)}{\log K}.$$
# For inputs of many dimensions the overlaps $Q$ and $R$ of students and teacher follow closed equations.

# %% tags=["p3_f1_trajectories"]
plain = {"readout_scale": 0.3, "weight_scale": 1e-3}
paths = committee_trajectories.trajectories(
    start_angles, **plain, dimension=run_dimension, runs=runs, seed=seed
)
save("p3_f1_trajectories", trajectory_figures.trajectories, paths)

# %% [markdown]
# All three starts solve the task. Shares are set within the first instants, as soon as growth from $h_k$ has overtaken
# the weights of the start, and hardly change afterwards.
#
# ## Does the flow describe real learning?
#
# $$\frac{dR_{km}}{da}=e_wh_k\sum_be_bI_3(k,m,b),\qquad\frac{dh_k}{da}=e_h\sum_be_bI_2(k,b),\qquad a=\mathrm{steps}/d,$$
# and likewise for $Q$. The simulation keeps the $K\times d$ weights, starts from the flow's overlaps and sees each
# input once.

# %% tags=["p3_f2_ode_sgd"]
simulated = committee_simulation.simulations(
    simulated_dimensions, simulation_draws, simulation_time, seed, shown_dimension=shown_dimension
)
save("p3_f2_ode_sgd", simulation_figures.simulation, simulated)

# %% [markdown]
# Lines and markers coincide over both tasks, also while consolidation holds the first. The largest deviation falls
# roughly as $d^{-1/2}$.
#
# ## The start decides
#
# One layer starts tiny, so that $c_k\propto h_k(0)^2$ in linear networks. How far does this carry for erf units?

# %% tags=["p3_f5_landscape", "p3_f6_entropy"]
decided_by = (readout_scales, learning_rates, fast_rates, drawn_scales, angles, few_angles)
sampled = (draws, dimension, CONFIRMATORY_ROOT)

# %% tags=["p3_f5_landscape"]
maps = (weight_scales, map_draws, map_readout_scales, map_angles)
landscape = committee_starts.starts(*maps, *decided_by, *sampled)
save("p3_f5_landscape", start_figures.starts, landscape)

# %% [markdown]
# Up to $r=1$ and for small weights the angle alone decides, at errors below $10^{-4}$. It fails where readouts must
# shrink ($r=2$), where initial overlaps dominate ($\sigma_w=1$: any angle, any outcome) and where the noise of single
# samples does ($e_w\geq6$).
#
# ## Entropy of the readouts
#
# "High entropy" means that $|h|/\sum|h|$ is even. Good or bad? It depends on what there is to be shared.

# %% tags=["p3_f6_entropy"]
random_readouts = (random_students, random_scales, draws, random_draws)
evenness = committee_readouts.readout_evenness(entropy_angles, *random_readouts, dimension, CONFIRMATORY_ROOT)
save("p3_f6_entropy", readout_figures.readout_evenness, evenness)

# %% [markdown]
# Even readouts are exactly the shared state for one teacher unit, and the way out of the plateau for two. With four
# students intermediate entropy is best. Tiny weights only take longer: at half the rate nothing has happened by
# $T=300$. With Gaussian readouts entropy tells the outcome for $K=M$ and hardly for $K=4$.

# %% tags=["p3_f5_landscape", "p3_f6_entropy"]
decided = committee_starts.decided_by_start(*decided_by, *sampled)
even = committee_readouts.even_readouts(entropy_angles, *sampled)
record(start_claims.start_decides(decided), start_claims.START_DECIDES)

# %% tags=["p3_f5_landscape", "p3_f6_entropy"]
record(start_claims.entropy_one_unit(decided, even), start_claims.ENTROPY_ONE_UNIT)

# %% tags=["p3_f6_entropy"]
record(readout_claims.entropy_two_units(even), readout_claims.ENTROPY_TWO_UNITS)

# %% [markdown]
# ## Imbalance of the layers
#
# $w\sim N(0,\sigma_w^2)$, $h\sim N(0,\sigma_h^2)$, $g=\sqrt{\sigma_h\sigma_w}$ fixed: does the ratio favour
# specialisation?

# %% tags=["p3_f7_imbalance"]
drawn_by = (ratios, geometric_means, imbalance_draws, imbalance_dimension, CONFIRMATORY_ROOT)
save("p3_f7_imbalance", imbalance_figures.imbalance, committee_imbalance.imbalance(*drawn_by))

# %% [markdown]
# It does where the larger layer is of order 1, on either side, and does nothing when both are tiny. Beyond, some runs
# do not fit their task and are left out. Why? Linear networks can be solved: gradient flow conserves
# $\lambda_k=|w_k|^2-|h_k|^2$, and with one task direction and readouts at zero that decides everything,
# $p_k=\lambda_k/\sum_j\lambda_j$, whatever the sizes and the step.

# %% tags=["p3_f3_linear_imbalance"]
neurons = {"ratios": [1, 2, 5, 10, 30, 100, 300, 1000, 3000, 10000], "neurons": [2, 4, 8]}
layers = {"log_ratios": [-3, -2, -1, 0, 1, 2, 3], "scales": [0.01, 0.1, 1.0], "draws": linear_draws}
linear = deep_linear.linear_imbalance(linear_samples, largest=100.0, bins=22, **neurons, **layers, seed=seed)
save("p3_f3_linear_imbalance", linear_figures.linear_imbalance, linear)

# %% [markdown]
# Only the ratio of two *neurons'* imbalances counts (a, b). A ratio of the layers, common to all neurons, does nothing
# (c), and it does not tie neurons to modes either (d). A difference between neurons does, as long as the start is
# small: the large neuron takes the first mode and leaves the second to the other. Large starts lose this.

# %% tags=["p3_f7_imbalance", "p3_f3_linear_imbalance"]
drawn = committee_imbalance.imbalance_draws(*drawn_by)
regimes = deep_linear.imbalance_regimes([0.01, 1.0], 0.1, imbalance_draws, CONFIRMATORY_ROOT)
record(readout_claims.imbalance_favours(drawn, regimes), readout_claims.IMBALANCE)

# %% [markdown]
# ## What was claimed, and what we find

# %%
table()

# %% [markdown]
# ## Appendix: a common imbalance is solvable, and leaves the basis free
#
# $W_1W_1^\top-W_2^\top W_2=\lambda\,1$ makes $QQ^\top$, $Q=[W_1^\top;W_2]$, a Riccati flow that one eigendecomposition
# solves. Imbalance of either sign removes the plateaus of $\lambda=0$ early and slows the end; it does not choose the
# neurons' basis (c).

# %% tags=["p3_f4_balanced"]
task = {"singular_values": [3, 2, 1], "shape": (4, 3, 5)}  # of the target; outputs, neurons, inputs
shown = {"size": 0.1, "last": 4.0, "dots": 10, "rotations": 20}
paths = balanced_linear.balanced_paths([-5, -1, 0, 1, 5], **task, **shown, seed=seed)
save("p3_f4_balanced", linear_figures.balanced, paths)

# %% [markdown]
# ## Explore
#
# A start at the tie, with drawn weights: move the angle and the scale, and see whose share of the task grows.

# %%
explorer(angle=1.0, draw=0)
