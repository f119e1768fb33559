# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # When a diffusion model learns and memorises each class
#
# A score model with $p$ fixed random features, $s(x)=A\,\sigma(Wx/\sqrt d)/\sqrt p$, is trained by denoising at one
# diffusion time $t$ on $n$ points of a Gaussian mixture: class $c$ has share $\pi_c$, standard deviation $\sigma_c$,
# and a centroid with $\mu_c\cdot\mu_{c'}/d=M_{cc'}$. Which class is learned first, which memorised
# ([arXiv:2605.06367](https://arxiv.org/abs/2605.06367); for one Gaussian
# [arXiv:2505.17638](https://arxiv.org/abs/2505.17638))?
#
# Only the abstract of the first paper was at hand. The equations below are our own derivation, in the limit
# $d\to\infty$ with $\psi_n=n/d$ and $\psi_p=p/d$ fixed, checked against exact finite-size computations. With
# $x_t=e^{-t}x+\sqrt\Delta\,\xi$, $\Delta=1-e^{-2t}$, training is gradient flow on a quadratic form in $A$: mode $k$ of
# the features' second moments $U$ relaxes as $e^{-\lambda_kT}$ in the eigen-time $T$ ($\tau=\psi_pT/2\Delta$ in the
# precursor's units). Losses are per coordinate and 1 before training; a class can reach $L^*_c=\alpha_c^2/\Gamma_c^2$
# with $\alpha_c=e^{-t}\sigma_c$ and $\Gamma_c^2=\alpha_c^2+\Delta$.

# %%
import numpy as np

import companion.session
from companion.claims import score_clocks, score_memorisation, score_order
from companion.claims.register import record, table
from companion.compute.seeds import CONFIRMATORY_ROOT
from companion.explore.random_features import explorer
from companion.figures import feature_spectra as spectra_figures
from companion.figures import score_curves as curve_figures
from companion.figures import score_order as order_figures
from companion.figures.save import save
from companion.settings.types import Cluster, Count, Counts, Device, Positive, Positives, Profile, Seed
from companion.studies import feature_spectra, score_comparison, score_curves, score_descents
from companion.studies import score_order as order_study

# %% tags=["parameters"]
profile: Profile = "laptop"  # parameter file that these values come from
device: Device = "auto"  # where tensors live; this notebook computes on the CPU
cluster: Cluster = "local"  # who works on the blocks of a sweep
seed: Seed = 0  # root of the draws that no claim is judged on
spectrum_dimension: Count = 200  # d of the spectra
spectrum_draws: Count = 2  # draws of points and features for each spectrum
dimension: Count = 40  # d of the trained models
draws: Count = 10  # draws that claims are judged on
curve_dimension: Count = 40  # d of the learning curves that are drawn
descents: Count = 2  # models trained by descent with drawn noise
descent_time: Positive = 3.0  # eigen-time up to which they are trained
large_dimension: Count = 150  # d at which the theory must fit better
large_draws: Count = 3  # draws at this dimension
order_draws: Count = 5  # draws for each point of the figures on order
point_ratios: Positives = [1.0, 1.25, 1.5, 2.0, 2.5, 3.0]  # ratios of standard deviations that are simulated
point_norms: Positives = [0.25, 0.5, 1.0, 2.0, 4.0]  # ratios of centroid norms that are simulated
point_angles: Counts = [30, 60, 90, 120, 150]  # angles between centroids that are simulated, in degrees
phase_values: Count = 17  # columns of each phase diagram
phase_shares: Positives = [0.02, 0.03, 0.05, 0.08, 0.12, 0.18, 0.25, 0.35, 0.5]  # of the high-variance class
sample_ratios: Positives = [2.0, 4.0, 8.0, 16.0, 32.0]  # examples per dimension, n/d
sample_dimension: Count = 20  # d at which bands are diagonalised, p = 64 d
sample_draws: Count = 5  # draws of features for each number of examples

# %%
run = companion.session.here("p2_random_features", locals())
run

# %% [markdown]
# ## The spectrum of the features
#
# Everything follows from the resolvent of $U$: for each $z$, one scalar $\delta_c$ per class and one symmetric
# $K\times K$ matrix $Q$ solve
#
# $$R(h)^{-1}=S(h)-z+\sum_c\frac{\pi_cv_c^2(h)}{1+\delta_c}+a(h)^\top(\kappa^{-1}+Q)^{-1}a(h),\qquad
# \rho(\lambda)=\tfrac1\pi\,\mathrm{Im}\,\mathbb E_hR(h),$$
#
# where $h$ are the fields of a feature, $a_c$, $v_c^2$, $S$ Gaussian averages of the activation, and $\kappa_c=\pi_c
# (\alpha_c^2/(1+\delta_c)+\Delta)$.

# %% tags=["p2rf_f1_spectra"]
spectra = feature_spectra.spectra(spectrum_dimension, spectrum_draws, seed)
save("p2rf_f1_spectra", spectra_figures.spectra, spectra)

# %% [markdown]
# The band at large $\lambda$ is learned first: it holds what generalises, $d$ modes per distinguishable class. The
# bands below hold single examples. An atom, or with centroids a narrow band, at the noise of the features ends the
# spectrum.
#
# The same traces, resolved by class, say whose modes these are: $\rho_c=\mathrm{Im}\,T_c/\pi\lambda$ with
# $T_c=\frac1p\mathrm{Tr}\,\pi_cU_cR$, $\sum_c\rho_c=\rho$.

# %% tags=["p2rf_f2_class_spectra"]
shares = feature_spectra.class_spectra(spectrum_dimension, spectrum_draws, seed)
save("p2rf_f2_class_spectra", spectra_figures.class_spectra, shares)

# %% [markdown]
# ## Learning curves of each class
#
# Losses under gradient flow need products of two resolvents: a linear system on top of the equations above, and an
# inverse Laplace transform on Talbot's contour. At finite $d$ they are exact too, by one diagonalisation, with the
# noise of the forward process averaged over; descent with drawn noise follows the same curves.

# %% tags=["p2rf_f3_learning_curves"]
curves = score_descents.learning_curves(
    "V1", curve_dimension, draws, descents, descent_time, CONFIRMATORY_ROOT
)
save("p2rf_f3_learning_curves", curve_figures.learning_curves, curves)

# %% tags=["p2rf_f3_learning_curves"]
settings = score_comparison.chosen(list(score_comparison.SETTINGS))
judged = score_curves.simulated_curves(settings, dimension, draws, CONFIRMATORY_ROOT)
large = score_curves.simulated_curves(
    score_comparison.chosen(["G1", "R1", "V2"]), large_dimension, large_draws, CONFIRMATORY_ROOT
)
theory = score_curves.theory_curves(settings)
record(score_clocks.theory_predicts_times(judged, large, theory), score_clocks.THEORY_PREDICTS_TIMES)

# %% [markdown]
# ## Variance decides the order
#
# The class that spreads more has the larger eigenvalues, in both kinds of bands: it generalises first, and it is
# memorised first.

# %% tags=["p2rf_f4_variance_order"]
order = order_study.variance_order(
    np.geomspace(1, 3, 17).tolist(), point_ratios, dimension, order_draws, seed
)
save("p2rf_f4_variance_order", order_figures.variance_order, order)

# %% tags=["p2rf_f4_variance_order"]
record(score_order.variance_first(judged), score_order.VARIANCE_FIRST)

# %% [markdown]
# ## Centroids decide little
#
# A larger centroid saturates the features of its class, which lowers its gain $a_c$: at equal variance the class with
# the smaller norm is ahead. The angle between centroids hardly counts here, as long as classes are balanced: it counts
# below.

# %% tags=["p2rf_f5_geometry_order"]
geometry = order_study.geometry_order(
    np.geomspace(0.25, 4, 17).tolist(),
    point_norms,
    np.linspace(0, 180, 19).tolist(),
    point_angles,
    dimension,
    order_draws,
    seed,
)
save("p2rf_f5_geometry_order", order_figures.geometry_order, geometry)

# %% tags=["p2rf_f5_geometry_order"]
record(score_order.centroid_secondary(judged), score_order.CENTROID_SECONDARY)

# %% [markdown]
# ## Where low exposure reverses the order
#
# A rare class is learned later. Whether that overturns the head start of the higher variance is a question of
# geometry: two classes can only move apart in time as far as their feature profiles $a_c(h)$ differ.

# %% tags=["p2rf_f6_phase_diagram"]
phases = order_study.phase_diagram(phase_values, phase_shares)
save("p2rf_f6_phase_diagram", order_figures.phase_diagram, phases)

# %% tags=["p2rf_f6_phase_diagram"]
record(score_order.exposure_reverses(judged), score_order.EXPOSURE_REVERSES)

# %% [markdown]
# ## Exposure and support are two things
#
# Sampling imbalance changes how much a class weighs in the loss and how many examples it has. Weights in the loss
# apart from counts ($\kappa_c\to w_c(\ldots)$, $\delta_c\propto w_c/\pi_c$) take the two apart.

# %% tags=["p2rf_f10_support_exposure"]
design = score_comparison.support_exposure(dimension, draws, CONFIRMATORY_ROOT)
save("p2rf_f10_support_exposure", order_figures.support_exposure, design)

# %% tags=["p2rf_f10_support_exposure"]
ends = score_comparison.final_losses(list(score_comparison.DESIGN))
record(score_memorisation.exposure_or_support(judged, ends, theory), score_memorisation.EXPOSURE_OR_SUPPORT)

# %% [markdown]
# Generalisation asks for the weight alone (support has .004 of its effect). Memorisation asks for both, support 1.7
# times as much, in theory too (1.6): less than the registered factor of two, so that the claim fails.
#
# ## Memorised while the other is still learned
#
# Does $T_{\mathrm{mem}}$ of one class come before $T_{\mathrm{gen}}$ of the other?

# %% tags=["p2rf_f8_window"]
windows = score_comparison.compared_clocks(
    ["V1", "V2", "R5", "R1", "MR"], dimension, draws, CONFIRMATORY_ROOT
)
save("p2rf_f8_window", curve_figures.window, windows)

# %% tags=["p2rf_f8_window"]
record(score_clocks.window_opens(judged), score_clocks.WINDOW_OPENS)

# %% [markdown]
# In V1 it does: the class of larger variance is memorised 7 times sooner than the other is learned to 90 %. In R5 it is
# never memorised to that gap. In V2 the window is open at $d=40$ only because the other class never gets to 90 %; in
# theory it does (at .7), and before the first is memorised (2.2).
#
# ## The number of examples
#
# For a single class of unit variance the memorisation band moves as $1/n$ and the generalisation band stays.

# %% tags=["p2rf_f7_sample_size"]
sizes = score_comparison.sample_size(sample_ratios, sample_dimension, sample_draws, CONFIRMATORY_ROOT)
save("p2rf_f7_sample_size", curve_figures.sample_size, sizes)

# %% tags=["p2rf_f7_sample_size"]
record(score_clocks.linear_in_samples(sizes), score_clocks.LINEAR_IN_SAMPLES)

# %% [markdown]
# The band falls with slope $-1.12$ and generalisation stays within 1 %. A clock with a threshold is no measure of this:
# that of the gap grows with exponents from 2.0, at few examples, down to 1.2.
#
# ## On every clock
#
# An order that depends on a threshold is no order. The same contrasts, for every threshold of every clock; the last
# panel is a claim registered in order to be refuted.

# %% tags=["p2rf_f13_robustness"]
clocks = score_comparison.compared_clocks(
    ["V20", "V2", "V0", "V1", "G1", "G2", "R5", "R1", "MR"], dimension, draws, CONFIRMATORY_ROOT
)
save("p2rf_f13_robustness", order_figures.robustness, clocks)

# %% tags=["p2rf_f13_robustness"]
record(score_memorisation.memorisation_reverses(judged), score_memorisation.MEMORISATION_REVERSES)

# %% [markdown]
# With equal shares variance is first on every clock but the passage of 90 %, which in V1 the wider class never makes.
# In R1 generalisation is reversed, memorisation is not. In MR the definition decides: the minority is first by absolute
# gaps (1.13, 1.48) and a relative one of 1 (1.17), last with .25 and .5 (.70, .93).
#
# ## What was claimed, and what we find

# %%
table()

# %% [markdown]
# ## Explore
#
# Turn share, variance and geometry of two classes: spectrum, losses and clocks of each.

# %%
explorer()
