# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # More students than teachers
#
# Does a wider student escape the local minima of two-layer ReLU networks, and what does it pay? Width makes global
# minima flat, opens a way out of every spurious minimum, and leaves traps of its own
# ([arXiv:2604.09412](https://arxiv.org/abs/2604.09412)). Losses carry the factor $\frac12$; noise and steps are per
# weight, where the paper's rows are longer by $\sqrt d$ (its $\sigma$ is ours times $\sqrt d$, its $\eta$ ours
# times $d$). A run counts as global below a tenth of the lowest family's loss.

# %%
import companion.session
from companion.claims import relu_optimisers as optimiser_claims
from companion.claims import relu_overparameterisation as claims
from companion.claims.register import record, table
from companion.compute.seeds import CONFIRMATORY_ROOT
from companion.explore.relu_landscape import explorer
from companion.figures.relu_assumptions import assumptions
from companion.figures.relu_optimisers import optimisers
from companion.figures.relu_overparameterisation import flatness, splitting
from companion.figures.relu_perturbation import perturbation
from companion.figures.save import save
from companion.settings.types import (
    Cluster,
    Count,
    Counts,
    Device,
    Fraction,
    Positive,
    Positives,
    Profile,
    Seed,
)
from companion.studies import relu_overparameterisation as study
from companion.studies.relu_assumptions import assumption_audit
from companion.studies.relu_optimisers import optimiser_table
from companion.studies.relu_perturbation import perturbation_return

# %% tags=["parameters"]
profile: Profile = "laptop"  # parameter file that these values come from
device: Device = "auto"  # where tensors live; this notebook computes on the CPU
cluster: Cluster = "local"  # who works on the blocks of a sweep
seed: Seed = 0  # root of the random numbers of figures that decide no claim (not p1_f9, p1_p2)
table_students: Counts = [17, 18, 19]  # widths K of the optimisers' table
table_teachers: Count = 17  # teacher units M of this table
table_initialisations: Count = 60  # random starts per cell of this table
table_step_budget: Count = 20000  # steps within which a run counts as a success in time
table_maximum_steps: Count = 40000  # steps after which a run counts as unconverged
perturbation_teachers: Count = 13  # teacher units M of the perturbed fixed points
perturbation_flipped: Counts = [1]  # numbers p of flipped units of I(p), padded and split I(p), S(p)
perturbation_average: Counts = [2, 6]  # numbers p of flipped units of X(p)
perturbation_sigma: Positives = [
    1.0e-4,
    3.0e-4,
    1.0e-3,
    3.0e-3,
    0.01,
    0.03,
    0.1,
    0.3,
    1.0,
]  # noise per weight
perturbation_repeats: Count = 10  # draws of this noise
flat_teachers: Count = 8  # teacher units M of the Hessian spectra and of the valley
flat_dimension: Count = 12  # input dimension d of the spectra
decay_teachers: Count = 4  # teacher units M of the descents whose loss is fitted, at K = M and M + 1
decay_dimension: Count = 40  # their input dimension d
decay_starts: Count = 5  # their random starts for each K
decay_steps: Count = 200000  # their steps
splitting_teachers: Counts = [6, 7, 8, 9, 10]  # sizes M whose minima are split
splitting_escape: Count = 10  # size K = M of the minimum I(1) that is split and left
splitting_steps: Count = 20000  # steps of this escape
splitting_repeats: Count = 3  # draws of the noise that starts it
splitting_sigma: Positive = 1.0e-5  # size of this noise per weight
audit_students: Counts = [6, 8, 10]  # sizes K = M of the audit of assumptions
audit_initialisations: Count = 300  # random starts for each assumption and size
audit_correlation: Fraction = 0.3  # cosine between the units of the correlated teacher
audit_norm_ratio: Positive = 2.0  # largest norm over smallest of the teacher with unequal norms

# %%
run = companion.session.here("p1_relu_overparameterisation", locals())
run

# %% [markdown]
# ## More students than teachers: flat minima, reached slowly
#
# With $K>M$ several students can share a teacher unit, $\alpha v$ and $(1-\alpha)v$, at no loss. At such a point the
# Hessian has exactly $(K-M)\,d$ zero eigenvalues: the pair may move by $(\delta,-\delta)$ in any direction. Along
# $v$ the loss stays zero; across it grows as $|\delta|^3$, so that $\dot\delta\sim-\delta^2$ and $L\sim t^{-3}$.

# %% tags=["p1_f9_flatness"]
decay = (decay_teachers, decay_dimension, decay_starts, decay_steps)
flat = study.flatness(flat_teachers, flat_dimension, *decay, CONFIRMATORY_ROOT)
save("p1_f9_flatness", flatness, flat)

# %% [markdown]
# The plateau at zero has length $d$ for one student too many and $2d$ for two; a minimum of positive loss has none.
# Descent at $K=M$ falls exponentially to rounding, one student more and it still falls after the last step drawn: a
# strict threshold on the gradient, or a fixed budget, counts such runs as failures although they have found the
# teacher. The law is an asymptotic one, and a start that lingers at a saddle needs more steps to show it.

# %% tags=["p1_f9_flatness"]
record(claims.flat_power_law(flat), claims.FLAT_POWER_LAW)

# %% [markdown]
# ## Splitting a unit makes a saddle
#
# Replace unit $k$ by the pair $\alpha w_k$, $(1-\alpha)w_k$: the same network, one student more. Along
# $(\delta,-\delta)$ the curvature is $\left(\frac1\alpha+\frac1{1-\alpha}\right)\delta^\top D_k\delta$, where
# $\frac12+D_k$ is the unit's own block of the Hessian: one small matrix decides whether width opens a way out.

# %% tags=["p1_f10_splitting"]
escape = (splitting_escape, splitting_repeats, splitting_sigma, splitting_steps)
split = study.splitting(splitting_teachers, *escape, seed)
save("p1_f10_splitting", splitting, split)

# %% [markdown]
# A unit below zero in (a) opens one; look for one above, there is none among the minima drawn. The escape from I(1)
# starts at the predicted rate (dashed; the Hessian at halves is $2D_k$, and the loss is quadratic in $\delta$), once
# the negative direction has outgrown the noise and while the move is small. But leaving is not arriving: a halved
# aligned unit leads to the teacher, a halved flipped one to S(1), which exists only with one student more.

# %% [markdown]
# ## Perturbed fixed points: who returns?
#
# It is said that ReLU networks have no Hessian. Theirs do: averaged over Gaussian inputs the loss is twice
# differentiable wherever no unit vanishes, so that stability is an eigenvalue. The published diagnostic instead adds
# noise $N(0,\sigma^2)$ to the weights and takes 1000 steps of $0.01$. These are 10 units of time, while the slowest
# direction of a minimum needs $1/H_{\min}$, tens to thousands. We therefore also go on to convergence.

# %% tags=["p1_p4_perturbation"]
points = (perturbation_teachers, perturbation_flipped, perturbation_average)
fates = perturbation_return(*points, perturbation_sigma, perturbation_repeats, seed)
save("p1_p4_perturbation", perturbation, fates)

# %% [markdown]
# After 1000 steps the noise of a minimum has shrunk in part, and that of a *saddle* as well: X($p$) with few flipped
# units has few weakly negative directions among hundreds, and so has a split point. Only convergence tells: at small
# $\sigma$ minima are reached again to rounding, saddles never. A silent unit leaves at once at any $\sigma$, which
# sets only the direction in which it grows, and so the teacher or S($p$); a split flipped unit goes to S($p$) until
# the noise is as large as the weights. S($p$) and X($p$), which dominate at larger $M$, are minima of $K=M+1$
# itself, with smaller basins. Counted by the sign of their overlap, two units of S(1) are anti-aligned: that
# no stable solution with *one* exists at $K=M+1$, as was claimed, is consistent with it.

# %% [markdown]
# ## Four optimisers
#
# Plain gradient descent, training of both layers, rows of unit norm, and orthonormal rows: one step size $2/K$, one
# stopping rule, $d=K$. A run succeeds once its gradient norm is below $10^{-5}$ at a loss that counts as global,
# within a budget of steps or within the largest number; unconverged runs are counted apart.

# %% tags=["p1_p2_optimisers"]
limits = {"step_budget": table_step_budget, "maximum_steps": table_maximum_steps}
cells = (table_students, table_teachers, table_initialisations, CONFIRMATORY_ROOT)
success = optimiser_table(*cells, **limits)
save("p1_p2_optimisers", optimisers, success.drop_vars("success_steps"))

# %% [markdown]
# Width is what helps: where plain descent reaches the teacher from nearly every start, a second layer has nothing to
# improve, and it costs steps, so that under a budget it may come out *behind*. Constraints can be compared with
# free descent at $K=M$ only. With $K>M$ unit rows cannot reach zero loss, because already the mean outputs differ,
# $L\geq(K-M)^2/4\pi$: a fact about the constraint, not about training. There constrained runs are also slow, as
# was reported of orthonormalised descent. Those counted as unconverged are cut short, not stuck: their minima are
# shallow, the gradient falls exponentially, tenfold in some $10^4$ steps, while at $K=M$ most need a few thousand
# in all.

# %% tags=["p1_p2_optimisers"]
record(optimiser_claims.optimisers(success), optimiser_claims.OPTIMISERS)

# %% [markdown]
# ## Which assumptions matter?
#
# Theories like unit or orthonormal rows, smooth units, orthonormal teachers. Two more simplify the problem itself. One
# keeps the correlation $-\mathbb E f_Wf_V$ of student and teacher alone, over unit rows (with orthonormal rows
# $\mathbb E f_W^2$ is a constant, and nothing is lost). The other makes overlaps site-symmetric, $q$ or $c$ in $Q$ and
# $r$ or $s$ in $R$: exact for descent that starts so, hence four numbers in place of all.

# %% tags=["p1_f12_assumptions"]
teachers = {"correlation": audit_correlation, "norm_ratio": audit_norm_ratio}
audit = assumption_audit(audit_students, audit_initialisations, seed, **teachers)
save("p1_f12_assumptions", assumptions, audit)

# %% [markdown]
# Constraints and a leak keep the phenomenon, at other losses and rates. Error functions, and teachers whose units
# overlap, remove it wholly or nearly: smooth units and orthonormality are no details. Without their own
# correlations students do not notice each other, and all go to the mean of the teacher's units: no families, no
# specialisation. Site symmetry has one block only, hence two ends: the teacher, or II($K$), which descent hardly ever
# meets; the sign of $r-s$ at the start decides, a toss of a coin. It has no I($p$), where free runs end.

# %% [markdown]
# ## What was claimed, and what we find

# %%
table()

# %% [markdown]
# ## Explore
#
# The families of one student more, with spectrum and a descent: at which size does S(1) turn into a minimum?

# %%
explorer(teachers=6, surplus=1, name="S(1)")
