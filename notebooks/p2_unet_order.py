# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What decides which class comes first?
#
# U-Nets learn [each class before they copy it](p2_unet_memorisation.py). Which class is first, the one of larger
# variance, of smaller centroid, of more images? Natural classes differ in all of this. Dials and cuts change one thing
# at a time ([arXiv:2605.06367](https://arxiv.org/abs/2605.06367); **all settings are ours**), and the random-features
# theory has a prediction for each of them.

# %%
import companion.session  # noqa: I001
from companion.claims import unet_dials as dial_claims
from companion.claims import unet_imbalance as imbalance_claims
from companion.claims import unet_order as order_claims
from companion.claims import unet_sizes as size_claims
from companion.claims.register import record, table
from companion.compute.seeds import CONFIRMATORY_ROOT
from companion.explore.unet_memorisation import explorer
from companion.figures import mixture_twin as twin_figures
from companion.figures import unet_clocks, unet_speciation
from companion.figures import unet_dials as dial_figures
from companion.figures import unet_imbalance as imbalance_figures
from companion.figures.save import save
from companion.figures.unet_curves import as_drawn
from companion.settings.types import Cluster, Count, Counts, Device, Images, Natural
from companion.settings.types import Positives, Precision, Profile, Seed, Text, Texts
from companion.studies import mixture_twin, unet_dials, unet_runs
from companion.studies import unet_memorisation as study
from companion.studies import unet_speciation as speciation_study
from companion.studies.unet_recipes import Recipe, named_pairs

# %% tags=["parameters"]
profile: Profile = "laptop"  # parameter file that these values come from
device: Device = "auto"  # where tensors live
cluster: Cluster = "local"  # who works on the blocks of a sweep
seed: Seed = 0  # root of the mixture twin; U-Nets have the confirmatory root
data: Images = "embedded"  # Fashion-MNIST: embedded (400 + 150 a class) or full
side: Count = 16  # pixels on a side, 16 (pooled) or 28
pairs: Texts = ["Bag/Trouser"]  # pairs of unlike variance, the first class of the larger
null_pair: Text = "Trouser/Sneaker"  # classes alike in variance and norm
count: Count = 16  # training images of each class
replicates: Count = 1  # training sets, each with a start of its own
block: Count = 1  # runs in one stack, a divisor of replicates: 1 on a CPU, more on a GPU
base: Count = 32  # channels of the finest level
multipliers: Counts = [1, 2]  # channels of the levels, over base
blocks: Count = 1  # residual blocks of a level
patch: Count = 2  # pixels on a side that become channels at the input
attending: Natural = 0  # coarsest levels that have self-attention
batch_size: Count = 64  # images in a batch
precision: Precision = "float32"  # arithmetic of training; tf32 and bfloat16 on a GPU
steps: Count = 1200  # training steps of pairs
checkpoints: Count = 12  # looks at each run
samples: Count = 256  # generated at each of them
sampler_steps: Count = 12  # from noise to sample; 50 once more at the end
grid_steps: Count = 700  # training steps of dials, imbalance and sizes
grid_checkpoints: Count = 9  # looks at each of these runs
grid_rows: Count = 64  # noisy images of each class for their losses
raw_pairs: Texts = ["T-shirt/Sandal"]  # alike in variance, unlike in centroid norm
dial_class: Text = "Shirt"  # the class that dials cut in two
gains: Positives = [0.7, 1.0, 1.4]  # standard deviation of the dialled half over the other's
norm_ratios: Positives = [1.0, 1.5]  # the same for the centroid's norm
total: Count = 32  # images of both classes where they are imbalanced
minorities: Counts = [16, 8, 4]  # those of the first class
centrings: Texts = ["pair"]  # what is subtracted: pair, pixel or balanced
map_gains: Positives = [0.7, 1.4]  # gains of the map of order
map_minorities: Counts = [16]  # images of the dialled half in that map, among total
sizes: Counts = [8, 16, 32]  # images of each class against which clocks are measured
speciation_rows: Count = 128  # noised images of each class and level
twin_dimension: Count = 32  # d of the Gaussian twin
twin_points: Count = 64  # its training points
twin_width: Count = 256  # units of its network
twin_steps: Count = 2000  # steps of its curves
twin_grid_steps: Count = 500  # steps of its contrasts
twin_replicates: Count = 1  # its draws
twin_samples: Count = 128  # generated at each of its checkpoints
twin_gains: Positives = [0.7, 1.0, 1.4]  # its ratios of standard deviations
twin_minorities: Counts = [32, 8]  # its points of the first class
twin_centrings: Texts = ["pair", "balanced"]  # origins of its Gram matrices

# %%
run = companion.session.here("p2_unet_order", locals())
recipe = Recipe(
    data=data,
    side=side,
    base=base,
    multipliers=multipliers,
    blocks=blocks,
    patch=patch,
    attention=range(len(multipliers) - attending, len(multipliers)),
    batch_size=batch_size,
    precision=precision,
    steps=steps,
    checkpoints=checkpoints,
    samples=samples,
    sampler_steps=sampler_steps,
    shown=8,
)
grid = recipe.changed(
    steps=grid_steps, checkpoints=grid_checkpoints, loss_rows=grid_rows, check_steps=sampler_steps, shown=0
)
chosen, raw = named_pairs([*pairs, null_pair]), named_pairs(raw_pairs)
main, runs = chosen[0], {"replicates": replicates, "seed": CONFIRMATORY_ROOT, "block": block}
run

# %% [markdown]
# ## Dials: variance and centroid apart
#
# $x'=\mu_k+g_k(x-m)$ makes two classes of one: its halves differ in variance alone, or in the norm of their centroid
# alone, all that the theory knows of a class. At $g=1$ they are exchangeable. Settings of a class share their images.

# %%
settings = []

# %% tags=["p2unet_u5_centroid", "p2unet_u6_variance"]
settings += unet_dials.variance_settings(dial_class, gains, count)
settings += unet_dials.centroid_settings(dial_class, norm_ratios, count)
settings += unet_dials.raw_settings(raw, count)

# %% tags=["p2unet_u7_imbalance", "p2unet_u8_shares"]
settings += study.imbalance_settings(main, total, minorities, centrings)
settings += unet_dials.order_settings(dial_class, map_gains, map_minorities, total)

# %% tags=["p2unet_u10_scaling"]
settings += study.size_settings(main, sizes)

# %% tags=["p2unet_u5_centroid", "p2unet_u6_variance", "p2unet_u7_imbalance", "p2unet_u8_shares", "p2unet_u10_scaling"]
unet_runs.train_side_by_side(settings, grid, **runs)

# %% tags=["p2unet_u5_centroid", "p2unet_u6_variance"]
variance_dial = unet_dials.variance_dial(dial_class, gains, count, grid, **runs)
centroid_dial = unet_dials.centroid_dial(dial_class, norm_ratios, count, grid, **runs)
natural = unet_dials.raw_pairs(raw, count, grid, **runs)
both = dial_figures.with_natural(centroid_dial, natural)
save("p2unet_u5_centroid", dial_figures.centroid, both, sources=[natural])
save("p2unet_u6_variance", dial_figures.variance, as_drawn(variance_dial, curves=False))

# %% tags=["p2unet_u5_centroid", "p2unet_u6_variance"]
pair_runs = study.natural_pairs(chosen, count, recipe, **runs)
secondary = dial_claims.centroid_secondary(variance_dial, centroid_dial, pair_runs)
record(order_claims.variance_first(pair_runs, variance_dial), order_claims.VARIANCE_FIRST)
record(order_claims.null_control(pair_runs, variance_dial), order_claims.NULL_CONTROL)
record(secondary, dial_claims.CENTROID_SECONDARY)

# %% [markdown]
# On the clocks of both losses the half narrowed to .7 is later (ratios .88, .65), the one widened to 1.4 first (1.24,
# 1.76), as in theory. But exchangeable halves, $g=1$, differ as much (1.16, 1.24) as those of unlike norm (1.10, .93):
# with one training set nothing is decided here; the claims need night.
#
# ## Imbalance
#
# The first class is cut down at fixed $n$; the preconditioner's $v$, the centre and the sampler stay as they are. A
# weighted sampler tells how often a class is seen from how many images it has. Centring matters: about the mean of
# their centroids two classes are antipodal, and the theory then [knows no reversal](p2_random_features.py).

# %% tags=["p2unet_u7_imbalance", "p2unet_u8_shares"]
cut = study.imbalance(main, total, minorities, centrings, grid, **runs)
order = unet_dials.order_map(dial_class, map_gains, map_minorities, total, grid, **runs)
mapped = imbalance_figures.with_order(cut, order)
save("p2unet_u7_imbalance", imbalance_figures.imbalance, mapped, sources=[order])
save("p2unet_u8_shares", imbalance_figures.class_shares, as_drawn(cut))

# %% tags=["p2unet_u7_imbalance"]
controlled = study.natural_pairs(chosen, count, recipe, **runs)
record(imbalance_claims.imbalance_shifts(cut, controlled), imbalance_claims.IMBALANCE_SHIFTS)

# %% [markdown]
# Bag, cut from a half to an eighth, is overfitted sooner: its lead grows from 1.9 to 3.3. Exposure alone delays it (.7,
# reversed). Samples come in about the shares that are shown. One training set decides nothing: the claim needs night.
#
# A noised image comes back to its class from below the speciation time: $\phi_c(t)$ falls from 1 to the class's share,
# and $t_S^c$ is where half of this way is done.

# %% tags=["p2unet_u9_speciation"]
extremes = sorted({max(minorities), min(minorities)}, reverse=True)
origin = centrings[0]
speciated = speciation_study.speciation(
    main, total, extremes, grid, **runs, rows=speciation_rows, centring=origin
)
save("p2unet_u9_speciation", unet_speciation.speciation, speciated)

# %% [markdown]
# Bag as an eighth returns from lower noise only (1.8 falls to 1.1); Trouser's curve then falls too little to be timed.
#
# ## More images
#
# If copying takes a number of visits to each image, its time grows as $n$, and that of learning does not.

# %% tags=["p2unet_u10_scaling"]
measured = study.sample_sizes(main, sizes, grid, **runs)
save("p2unet_u10_scaling", unet_clocks.scaling, as_drawn(measured))
beside = study.natural_pairs(chosen, count, recipe, **runs)
record(size_claims.linear_in_n(measured, beside), size_claims.LINEAR_IN_N)

# %% [markdown]
# From 8 to 16 images a class Bag's copies take twice as long, its learning 2.5 times; with 32 none is copied in time.
# Sets no larger than a batch are where the claim is expected to fail: paper has to decide.
#
# ## A Gaussian twin
#
# The same pipeline on mixtures with only the images' variances and centroid Gram matrix, beside the theory of exactly
# these mixtures; as in it, weights are not averaged and noise levels are drawn alike.

# %% tags=["p2unet_u12_mixture_twin"]
twin_recipe = mixture_twin.TwinRecipe(
    data=data,
    side=side,
    dimension=twin_dimension,
    width=twin_width,
    steps=twin_steps,
    samples=twin_samples,
    index_law="uniform",
    averaging=0.0,
)
twin = mixture_twin.mixture_twin(
    main,
    dial_class,
    twin_points,
    twin_gains,
    twin_minorities,
    twin_centrings,
    twin_recipe,
    twin_grid_steps,
    twin_replicates,
    seed,
    block=block,
)
save("p2unet_u12_mixture_twin", twin_figures.mixture_twin, twin)

# %% [markdown]
# Plain prediction has the theory's order in all 6 contrasts of both clocks, but not its sizes (logarithms are .9 and
# 2.5 off, root mean square); preconditioned, the loss gap is mostly open at the first look already. One draw.
#
# ## What was claimed, and what we find

# %%
table()

# %% [markdown]
# ## Explore the stored runs

# %%
explorer(classes="Shirt / the same, dialled")
