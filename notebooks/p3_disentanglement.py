# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Do unlike gains disentangle a beta-VAE?
#
# [Imbalance between layers](p3_specialisation.py) favours units that work alone. Does it also make latents of a
# beta-VAE stand for one factor each ([arXiv:2503.02526](https://arxiv.org/abs/2503.02526))? Data, metric and ranges of
# the paper are not known to us: **all settings are ours**. Images are generated here: one square of five sizes at
# $12\times12$ places, or three shapes.

# %%
import companion.session
from companion.claims import vae_initialisation as claims
from companion.claims.register import record, table
from companion.compute.seeds import CONFIRMATORY_ROOT
from companion.explore.vae_initialisation import explorer
from companion.figures import vae_initialisation as figures
from companion.figures import vae_second_phase as phase_figures
from companion.figures.save import save
from companion.settings.types import (
    Cluster,
    Count,
    Counts,
    Device,
    NonNegatives,
    Numbers,
    Precision,
    Profile,
    Seed,
    Text,
    Texts,
)
from companion.studies import vae_initialisation as study
from companion.studies import vae_second_phase
from companion.studies.vae_recipes import VAERecipe

# %% tags=["parameters"]
profile: Profile = "laptop"  # parameter file that these values come from
device: Device = "auto"  # where tensors live
cluster: Cluster = "local"  # who works on the blocks of a sweep
seed: Seed = 0  # root of the second phase; the claim has a root of its own
images: Text = "sprites-3"  # sprites-3 (a square) or sprites-5 (three shapes)
levels: Counts = [5, 12, 12]  # values of size and two places; or of shape, size, orientation and places
side: Count = 16  # pixels on a side
latents: Count = 5  # latents of the code
widths: Counts = [128, 64]  # hidden layers of the encoder; the decoder mirrors them
activation: Text = "relu"  # relu or linear
betas: NonNegatives = [4.0]  # weights of the divergence from the prior; the first is judged
optimisers: Texts = ["adam"]  # optimisers, each with every beta
precision: Precision = "float32"  # arithmetic of the trainings
imbalances: Numbers = [-1.0, -0.75, -0.5, 0.0, 0.5, 0.75, 1.0]  # log10 of the decoder's over encoder's gain
replicates: Count = 2  # starts, each with every imbalance
steps: Count = 3000  # steps of training
phase_imbalances: Numbers = [-0.75, -0.5, 0.0, 0.5, 0.75]  # imbalances of the second phase
phase_replicates: Count = 2  # starts of the second phase
phase_steps: Count = 2000  # steps on squares
second_steps: Count = 1000  # steps on ellipses after them

# %%
run = companion.session.here("p3_disentanglement", locals())
run

# %% [markdown]
# ## Gains at the start
#
# $$L(x)=\frac{|x-y|^2}{2s^2}+\beta\,\mathrm{KL},\qquad W_\mathrm{enc}\to10^{-L/2}W_\mathrm{enc},\quad
# W_\mathrm{dec}\to10^{L/2}W_\mathrm{dec}.$$
# The mutual information gap (MIG) asks how much more the best latent knows of a factor than the second best; DCI asks
# which latents a forest of trees needs. Gains also change how well a network is trained after as many steps, which must
# not be read as an effect on its code: measures are compared where errors are equal.

# %% tags=["p3_f11_vae"]
network = {"side": side, "latents": latents, "widths": widths, "activation": activation}
common = network | {"data": images, "levels": levels, "steps": steps, "precision": precision}
slow = {
    "adam": {},
    "sgd": {"learning_rate": 3e-4, "steps": 10 * steps},
}  # plain descent breaks at rates that suit Adam
recipes = [
    VAERecipe(**common | {"optimiser": name, "beta": beta} | slow[name])
    for name in optimisers
    for beta in betas
]

# %% tags=["p3_f11_vae"]
trained = study.initialisation(imbalances, recipes, replicates, CONFIRMATORY_ROOT)
save("p3_f11_vae", figures.vae_initialisation, figures.as_drawn(trained))

# %% [markdown]
# Gains decide first of all how well a network is trained (a): a heavy decoder ($L>0$) fits worse after as many steps,
# and open marks, networks that fit clearly worse than balanced ones, must not be compared. Gains far apart, either way,
# keep latents active (b) that the divergence would switch off. Read at equal error (c, f), a gap differs between seeds
# by about as much as between imbalances: a few starts show what to measure, and nothing of an effect. The factors
# themselves, as a code, have a gap of 1, so that it is not the metric that fails.

# %% tags=["p3_f11_vae"]
record(claims.gains_change_disentanglement(trained), claims.VAE_INITIALISATION)

# %% [markdown]
# ## A second phase
#
# What does a network that has learned squares forget of them while it learns ellipses?

# %% tags=["p3_f12_second_phase"]
shapes = VAERecipe(data="sprites-5", latents=6, steps=phase_steps, checkpoints=24, precision=precision)
continued = vae_second_phase.second_phase(phase_imbalances, shapes, second_steps, phase_replicates, seed)
save("p3_f12_second_phase", phase_figures.vae_second_phase, phase_figures.as_drawn(continued))

# %% [markdown]
# The old error rises in the logarithm of the steps, from every start. Heavy decoders seem to forget less (d), but they
# had learned less of the squares when the switch came (c). Errors at the end tell the starts apart less, and no heavy
# decoder gains by them: they are least for the balanced start and grow with $|L|$, by up to a fifth, where the two
# seeds of a start differ by a twentieth at most.
#
# ## What was claimed, and what we find

# %%
table()

# %% [markdown]
# ## Explore
#
# Choose an imbalance and a start: what every latent draws, how much it says, and how error and gap got there.

# %%
explorer()
