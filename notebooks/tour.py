# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What do networks learn first, and where do they get stuck?
#
# Ten minutes, five stops: one equation, one picture and one slider for each family of notebooks. Run all cells, then
# move the sliders. A picture follows as soon as you let go. Every stop ends with the notebook that tells the whole
# story, with its claims judged.

# %%
import companion.session
from companion.explore import tour
from companion.settings.types import Cluster, Count, Device, Fractions, Profile, Seed

# %% tags=["parameters"]
profile: Profile = "laptop"  # parameter file that these values come from
device: Device = "auto"  # where the transformers of the last stop are trained
cluster: Cluster = "inline"  # who trains them: this kernel
seed: Seed = 0  # root of their starts and of the rows that they see
prime: Count = 19  # they add modulo this prime
shares: Fractions = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8]  # shares of the table of sums that they train on
replicates: Count = 2  # networks for each share
steps: Count = 600  # of their training

# %%
run = companion.session.here("tour", locals())
run

# %% [markdown]
# ## 1. Gradient descent has a short list of places to fail
#
# A student $f_W(x)=\sum_k\mathrm{ReLU}(w_k\cdot x)$ with $K$ units learns a teacher of its own size from Gaussian
# inputs. Nothing is missing: enough units, endless data, the exact loss
#
# $$L(W)=\tfrac12\,\mathrm E_x\bigl[f_W(x)-f_V(x)\bigr]^2 .$$
#
# **Move** the random start. **Look** where the descent comes to rest: at zero, or on one of the dashed lines, and never
# between them. Each line is the loss of an exactly known configuration: in I(1), one student points away from its unit.

# %%
tour.descents()

# %% [markdown]
# All minima, and the widths at which they are born: [p1_relu_landscape](p1_relu_landscape.py).
#
# ## 2. A diffusion model learns its classes one after the other
#
# Two classes of data, one broad and one narrow, and a score with random features. Training shrinks the error along each
# eigenvector of the features' second moments at the speed of its eigenvalue,
#
# $$\text{error}_k(T)\propto e^{-\lambda_kT},$$
#
# so that the order of learning can be read off a spectrum, before any training.
#
# **Move** the share of the broad class (vermilion). **Look** at the clocks on the right: how rare must it become to
# lose its lead? And which class is memorised first?

# %%
tour.shares()

# %% [markdown]
# Six knobs in place of one, and finite models that agree: [p2_random_features](p2_random_features.py).
#
# ## 3. A U-Net generates first and copies later
#
# Sixteen images of bags, sixteen of trousers, and a network that turns noise into images. A generated image counts as a
# copy if it is much closer to one training image than to any other,
#
# $$\frac{d_1}{d_2}<\frac13 .$$
#
# **Move** the training step. **Look** at the pairs: the upper image is generated, the lower one is the training image
# nearest to it. Which class is copied first, and does the network ever stop there?

# %%
tour.checkpoints()

# %% [markdown]
# Clocks for both events, controls and larger runs: [p2_unet_memorisation](p2_unet_memorisation.py).
#
# ## 4. The start decides what is forgotten
#
# Two neurons learn one task, then another. Their readouts start at an angle $\theta$ to the tie at which both weigh
# alike. Seen from far above, all that happens are a few order parameters in motion,
#
# $$\frac{\mathrm d}{\mathrm da}(Q,R,h)=F(Q,R,h),\qquad F(V)=\varepsilon_1(\text{end})-\varepsilon_1(\text{switch}),$$
#
# and $F(V)$ is what is forgotten of the first task if the second one resembles it by $V$.
#
# **Move** the angle, in units of $\pi/4$, from one neuron that does it all (0) to the tie (1). **Look** at the third
# panel: specialised networks forget most at intermediate $V$, shared ones most where the tasks have nothing in common.

# %%
tour.angles()

# %% [markdown]
# Where such starts come from: [p3_specialisation](p3_specialisation.py). What they cost:
# [p3_forgetting](p3_forgetting.py).
#
# ## 5. Small transformers learn by heart, then understand
#
# A network sees a share of the table of $a+b$ mod $p$ and nothing else. It can store what it sees, or find the rule:
#
# $$a+b\equiv c\pmod p .$$
#
# The next cells train a dozen networks, within some seconds when they are run for the first time, and afterwards take
# them from the store.

# %%
from companion.studies.curriculum_runs import curriculum_runs
from companion.training.curriculum_spec import CurriculumSpec, TaskSpec

# %%
spec = CurriculumSpec(tasks=TaskSpec(prime=prime), steps=steps, learning_rate=0.01)
runs = curriculum_runs(
    [{"fractions": (share,), "replicate": each} for share in shares for each in range(replicates)], spec, seed
)

# %% [markdown]
# **Move** the share of the table. **Look** at the two curves: with few rows only those are known, with many the unseen
# ones follow, later or at once.

# %%
tour.tables(runs, shares)

# %% [markdown]
# Several operations, mixtures and orders: [e4_generalisation](e4_generalisation.py), [e4_mixtures](e4_mixtures.py),
# [e4_curricula](e4_curricula.py).
#
# ## Now yours
#
# Every notebook ends in an explorer with more knobs. Change a parameter in its parameters cell, run it again, and what
# was computed before is not computed twice.
