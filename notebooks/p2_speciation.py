# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # When does a diffusing point choose its class, and when its training point?
#
# A generated sample starts as noise and ends in one class, or even on one training point. The backward process commits
# itself twice: to a class at the speciation time $t_S$, to a point at the condensation time $t_C<t_S$
# ([arXiv:2402.18491](https://arxiv.org/abs/2402.18491)). Do rare classes choose later
# ([arXiv:2605.06367](https://arxiv.org/abs/2605.06367)), and does it matter that the score is learned?

# %%
import companion.session
from companion.claims import speciation as claims
from companion.claims.register import record, table
from companion.compute.seeds import CONFIRMATORY_ROOT
from companion.explore.speciation import explorer
from companion.figures import condensation as condensation_figures
from companion.figures import speciation as figures
from companion.figures.save import save
from companion.settings.types import (
    Cluster,
    Count,
    Counts,
    Device,
    Fraction,
    Fractions,
    NonNegatives,
    Positive,
    Positives,
    Profile,
    Seed,
)
from companion.studies import condensation, learned_speciation
from companion.studies import speciation as study

# %% tags=["parameters"]
profile: Profile = "laptop"  # parameter file that these values come from
device: Device = "auto"  # where tensors live; this notebook computes on the CPU
cluster: Cluster = "local"  # who works on the blocks of a sweep
seed: Seed = 0  # root of the training sets that are copied; claims have a root of their own
minority_weights: Fractions = [0.3333333333333333, 0.1, 0.01, 0.001, 1.0e-5]  # weights of the minority
curve_weights: Fractions = [0.3333333333333333, 0.1, 0.001]  # those whose attribution curves are drawn
dimension: Count = 64  # input dimension d of the classes
dimensions: Counts = [64, 256, 1024, 4096, 16384]  # dimensions d at which growth is measured
deviations: Positives = [1.3, 0.7]  # two classes that differ in variance alone
samples: Count = 4096  # noised points of each class for a curve, a power of two
clones: Count = 80  # backward trajectories for each class, start and draw
draws: Count = 8  # draws that claims are judged on
learned_dimension: Count = 40  # d of the learned scores
learned_weight: Fraction = 0.1  # weight of their minority
sample_ratio: Positive = 32.0  # examples per dimension, n/d
feature_ratio: Positive = 4.0  # features per dimension, p/d
training_times: NonNegatives = [0.0, 0.1, 0.3, 1.0, 10.0, 1000.0]  # eigen-times T of training
learned_clones: Count = 250  # trajectories for each class, start and training time
copy_dimensions: Counts = [8, 12, 20]  # d of the training sets that are copied
large_dimensions: Counts = [64, 256]  # dimensions of which the law alone is drawn
rate: Positive = 0.5  # their size, log(n)/d
class_dimension: Count = 12  # d of the mixture whose classes are copied
class_counts: Counts = [32, 128, 512, 2048]  # points n_c of each of its classes
class_deviations: Positives = [0.5, 1.0, 1.5]  # standard deviations of its classes
shown_count: Count = 512  # points of each class whose curves are drawn
queries: Count = 100  # noised training points for each class and training set

# %%
run = companion.session.here("p2_speciation", locals())
run

# %% [markdown]
# ## The exact score
#
# How sure the posterior is of the class of a noised point, $C_c(t)=\mathrm E[P(c\,|\,x_t)\,|\,c]$, is also the
# probability that a backward trajectory started there ends in class $c$: clones check it. It falls from 1 to $\pi_c$,
# and $t_S$ is where half of this way is done. Rare classes need more evidence. Between two classes of equal variance
# log-odds are Gaussian with mean $\log(\pi_c/\pi_{c'})+D/2$ and variance $D=e^{-2t}|\mu_c-\mu_{c'}|^2/\Gamma^2$, which
# makes the absolute time exact:
# $$C_c=\tfrac12\quad\text{at}\quad t=\tfrac12\log\frac{|\mu_c-\mu_{c'}|^2}{2\log(\pi_{c'}/\pi_c)}\qquad(\sigma=1).$$

# %% tags=["p2rf_f9_speciation"]
exact = study.overview(
    curve_weights,
    minority_weights,
    dimension,
    dimensions,
    deviations,
    samples,
    clones,
    draws,
    CONFIRMATORY_ROOT,
)
save("p2rf_f9_speciation", figures.speciation, exact)

# %% [markdown]
# The delay is logarithmic in the weight. It takes a third class to see it in normalised times: two classes share one
# normalised curve, because $\pi_c\,\mathrm E[P(c'|x)|c]$ is symmetric. Dimension moves all times by $\frac12\log d$
# where means differ and by $\frac14\log d$ where only variances do.
#
# ## The score is learned
#
# Random-features scores, one second layer for each $t$, trained for eigen-time $T$; clones follow them, and where
# they end is judged by the true posterior. ReLU features: odd ones without bias tell neither $\mu$ from $-\mu$ nor
# shares apart.

# %% tags=["p2rf_f11_learned_speciation"]
learned = learned_speciation.learned_speciation(
    learned_weight,
    learned_dimension,
    sample_ratio,
    feature_ratio,
    training_times,
    learned_clones,
    draws,
    CONFIRMATORY_ROOT,
)
save("p2rf_f11_learned_speciation", figures.learned_speciation, learned)

# %% [markdown]
# An untrained score, $s=0$, leaves a point where noise has put it: classes speciate together and come in equal shares.
# Shares are learned at $T\approx1$, and the delay of the minority with them. In the end both roles speciate later than
# with the exact score and the delay is larger, presumably because with $p\propto d$ features a score is close to
# linear in the few directions that count around $t_S$.

# %% tags=["p2rf_f9_speciation", "p2rf_f11_learned_speciation"]
judged = study.times_against_weight(minority_weights, dimension, samples, draws, CONFIRMATORY_ROOT)
record(claims.minority_speciates_late(judged, learned), claims.MINORITY_SPECIATES_LATE)

# %% [markdown]
# ## From class to training point
#
# A score that fits $n$ training points perfectly treats each as a class without width. Its speciation is copying, and
# the points form a random code: $n=e^{\alpha d}$ of them are told apart as soon as $\alpha$ is below the information
# that $x_t$ holds on $x_0$, per coordinate. For a class of $n_c$ points,
# $$\tfrac12\log\bigl(1+e^{-2t}\sigma_c^2/\Delta_t\bigr)=\frac{\log n_c}d\quad\text{at}\quad
# t_C=\tfrac12\log\Bigl(1+\frac{\sigma_c^2}{n_c^{2/d}-1}\Bigr).$$

# %% tags=["p2rf_f12_condensation"]
copied = condensation.condensation(
    copy_dimensions,
    large_dimensions,
    rate,
    class_dimension,
    class_counts,
    class_deviations,
    shown_count,
    queries,
    draws,
    seed,
)
save("p2rf_f12_condensation", condensation_figures.condensation, copied)

# %% [markdown]
# Each class condenses by itself, long after it has speciated: broad classes first, and those of few points. At finite
# size the weight of the origin follows an exact law (lines), whose width shrinks as $d^{-1/2}$ around $t_C$.
#
# ## What was claimed, and what we find

# %%
table()

# %% [markdown]
# ## Explore
#
# Choose weight, deviation and distance of a minority: when a point chooses its class, and when its training point.

# %%
explorer()
