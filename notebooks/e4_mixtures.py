# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What does one operation do to another?
#
# A small transformer that learns an operation [generalises long after it has memorised](e4_generalisation.py). Here
# it learns two at once, or one after the other: how much depends on how often an operation is met, and how much on whom
# it is met with? No paper stands behind this; **the design is ours**, with what is known of single operations
# ([arXiv:2201.02177](https://arxiv.org/abs/2201.02177), [2301.05217](https://arxiv.org/abs/2301.05217)) as its anchor.

# %%
import companion.session
from companion.claims import curriculum_compatibility as compatibility_claims
from companion.claims import curriculum_imbalance as imbalance_claims
from companion.claims.protocol import decides, root_for
from companion.claims.register import record, table
from companion.explore import curricula as explore
from companion.figures import curriculum_compatibility as compatibility_figures
from companion.figures import curriculum_families as family_figures
from companion.figures import curriculum_imbalance as imbalance_figures
from companion.figures import curriculum_sharing as sharing_figures
from companion.figures import curriculum_transfer as transfer_figures
from companion.figures.save import save
from companion.settings.types import (
    Cluster,
    Count,
    Counts,
    Device,
    Fractions,
    Natural,
    Positive,
    Positives,
    Profile,
    Seed,
    Texts,
)
from companion.studies import curriculum_compatibility as compatibility_study
from companion.studies import curriculum_families as family_study
from companion.studies import curriculum_imbalance
from companion.studies import curriculum_returns as return_study
from companion.studies import curriculum_sharing as sharing_study
from companion.studies import curriculum_transfer as transfer_study
from companion.training.curriculum_spec import CurriculumSpec, TaskSpec

# %% tags=["parameters"]
profile: Profile = "laptop"  # parameter file that these values come from
device: Device = "auto"  # where tensors live
cluster: Cluster = "local"  # who works on the stacks of networks
seed: Seed = 0  # root of what decides no claim; runs that decide one have a root of their own
prime: Count = 31  # operations are modulo this prime
width: Count = 32  # width of the stream
hidden: Count = 128  # hidden units of each block
layers: Count = 1  # blocks
learning_rate: Positive = 0.005  # largest rate of Adam
batch: Count = 256  # rows of a step
partners: Texts = ["none", "add", "mul", "max", "shuffled add", "private add"]  # learned beside subtraction
partner_fractions: Fractions = [0.25]  # shares of subtraction's table that are trained on
partner_budgets: Counts = [1200]  # steps
partner_replicates: Count = 4  # splits and starts
partner_block: Count = 2  # networks in a stack
partner_checkpoints: Count = 12  # looks inside
partner_points: Count = 40  # points of a drawn curve
sharing_partners: Texts = ["add", "mul", "shuffled add"]  # those whose insides are compared
imbalance_partners: Texts = ["sub", "mul"]  # rare operations beside addition
imbalance_fractions: Fractions = [0.6, 0.5]  # shares of each pair's tables that are trained on
imbalance_shares: Fractions = [0.5, 0.2, 0.1, 0.05]  # shares of the rare operation among the rows of a step
imbalance_steps: Count = 1400  # steps
imbalance_replicates: Counts = [8, 4]  # splits and starts of each pair
imbalance_block: Count = 4  # networks in a stack
imbalance_widths: Counts = [32]  # widths of the stream; the first is judged
imbalance_rates: Positives = [0.005]  # largest rate of Adam at each of them: wide networks need smaller ones
transfer_operations: Texts = ["add", "sub", "mul", "max"]  # learned one after the other, in pairs
source_steps: Count = 500  # steps on the first
target_steps: Count = 800  # steps on the second
transfer_replicates: Count = 2  # splits and starts
transfer_block: Count = 2  # networks in a stack
return_pair: Texts = ["add", "sub"]  # source and target, after which the source comes back
return_replicates: Count = 4  # splits and starts, in one stack
composed_operations: Texts = ["add", "sub", "left"]  # composed in pairs; left is the first operand
composed_held_out: Count = 2  # pairs that are never met
composed_prime: Count = 7  # modulus of the compositions
composed_triples: Natural = 0  # rows that are kept of each pair's table; 0: all
composed_steps: Count = 1500  # steps
group_degree: Count = 4  # n of the permutations of n points
group_companions: Texts = ["sgn"]  # easy questions beside their products
group_steps: Count = 1800  # steps
family_replicates: Count = 3  # splits and starts, in one stack

# %%
run = companion.session.here("e4_mixtures", locals())
run

# %% [markdown]
# ## Rarely seen
#
# Does an operation generalise later because it is met rarely, or because another one competes for the network? With
# share $w$ of a batch of $B$ rows it has seen $N(t)=wBt$ of them; the control trains on it alone, $wB$ rows a step.

# %% tags=["e4_f4_imbalance", "e4_f3_compatibility", "e4_f10_sharing", "e4_f6_transfer", "e4_f15_families"]
network = {"width": width, "hidden": hidden, "layers": layers, "learning_rate": learning_rate, "batch": batch}
common = CurriculumSpec(tasks=TaskSpec(prime=prime), **network)

# %% tags=["e4_f4_imbalance"]
pairs = [("add", partner) for partner in imbalance_partners]
rare = common.changed(steps=imbalance_steps, logarithmic=16)
root = root_for(profile, imbalance_claims.EXPOSURE, seed)
stacks = {"block": imbalance_block, "widths": imbalance_widths, "rates": imbalance_rates}
rarely = curriculum_imbalance.exposure_imbalance(
    pairs, imbalance_fractions, imbalance_shares, rare, imbalance_replicates, root, **stacks
)
save("e4_f4_imbalance", imbalance_figures.imbalance, rarely)

# %% tags=["e4_f4_imbalance"]
judged = imbalance_claims.competition(rarely) if decides(profile, imbalance_claims.COMPETITION) else None
record(imbalance_claims.exposure(rarely), imbalance_claims.EXPOSURE)
record(judged, imbalance_claims.COMPETITION)

# %% [markdown]
# Subtraction is delayed as its share falls. Addition beside it helps, most where subtraction is starved.
# Multiplication blocks addition at equal exposure: both stay on the plateau of those who only know that operands may be
# exchanged. On a laptop, four seeds of that pair leave its part of the claim undecided: four more take nearly two
# minutes of processor time, and the night has them.
#
# ## Who helps an operation that has too few examples?
#
# A quarter of subtraction's table is memorised and never understood. Addition is diagonal in the same characters of
# $\mathbb{Z}_p$, multiplication in others, a maximum in none; shuffled numbers are as hard and share nothing, private
# tokens share no embedding. Rows of subtraction per step are the same throughout.

# %% tags=["e4_f3_compatibility", "e4_f10_sharing"]
partnered = common.changed(checkpoints=partner_checkpoints)
partner_root = root_for(profile, compatibility_claims.COMPATIBLE, seed)

# %% tags=["e4_f3_compatibility"]
chosen = (partners, partner_fractions, partner_budgets, partnered, partner_replicates)
drawn = {"block": partner_block, "drawn_steps": partner_points}
beside = compatibility_study.partner_compatibility(*chosen, partner_root, **drawn)
save("e4_f3_compatibility", compatibility_figures.compatibility, beside)

# %% tags=["e4_f3_compatibility"]
deciding = decides(profile, compatibility_claims.COMPATIBLE)
record(compatibility_claims.compatible(beside) if deciding else None, compatibility_claims.COMPATIBLE)

# %% [markdown]
# After 1200 steps addition helps where it shares number tokens (+.53 over none), and less with private ones: +.16 here,
# most of it from one of the four seeds, and +.05 at night, with eight. That is no proof that the embedding carries the
# help: after the night's 5000 steps private tokens rescue as fully (+.96), only later.
#
# ## What do two operations share inside?
#
# $\mathrm{CKA}=\|Y^\top X\|_F^2/(\|X^\top X\|_F\|Y^\top Y\|_F)$ between residual streams at $=$; cosines between
# gradients: where the partner's points along that of subtraction's *test* rows, training on it teaches subtraction.
# The networks are those of the figure above.

# %% tags=["e4_f10_sharing"]
inside = partnered.changed(steps=partner_budgets[0])
few = {"block": partner_block, "fraction": partner_fractions[0]}
shared = sharing_study.operation_sharing(sharing_partners, inside, partner_replicates, partner_root, **few)
save("e4_f10_sharing", sharing_figures.sharing, shared)

# %% [markdown]
# Streams come to encode answers: of equal pairs $(a,b)$ they grow apart (thick), of equal answers they agree best
# beside addition (thin), whose gradient alone goes on pointing along that of the test rows for a while. There a linear
# probe comes to read the answer (g), and operands fade from all streams (h).
#
# ## One after the other
#
# $R[j\leftarrow i]=\langle\min(T_j,T)\rangle/\langle\min(T_{j|i},T)\rangle$ and $F_i=\max_kA_{ki}-A_{Ki}$: the source's
# answers are lost whatever follows; what was learned may still serve the target.

# %% tags=["e4_f6_transfer"]
stages = (source_steps, target_steps, transfer_replicates)
chain = transfer_study.transfer_matrix(transfer_operations, common, *stages, seed, block=transfer_block)
pair = (return_pair, common, source_steps, target_steps, return_replicates, seed)
returned = return_study.returning_source(*pair, block=return_replicates)
both = transfer_figures.with_returns(chain, returned)
save("e4_f6_transfer", transfer_figures.transfer, both, sources=[returned])

# %% [markdown]
# A source that comes back is learned within 75 to 275 steps, though nothing of it was answered any more and whether or
# not Adam's moments start anew at the switches. Its first time took over 400, and in two of four seeds more than its
# whole stage. That is no sign of memory: after subtraction alone, addition that was never met before is learned as fast
# (100 to 220 steps). What the target teaches serves the source.
#
# ## Two other families
#
# Compositions $(a\;\mathrm{op}_1\,b)\;\mathrm{op}_2\,c$: is a pair known that was never met, and are steps on the
# operations alone well spent ([arXiv:2402.18361](https://arxiv.org/abs/2402.18361))? Products of permutations, whose
# tokens say nothing: does an easy question beside them help ([2505.18369](https://arxiv.org/abs/2505.18369))?

# %% tags=["e4_f15_families"]
smooth = common.changed(
    learning_rate=0.003, logarithmic=8, tasks=TaskSpec(prime=composed_prime, degree=group_degree)
)
pairwise = (smooth.changed(steps=composed_steps), composed_operations, composed_held_out)
again = {"block": family_replicates}
composed = family_study.composed_pairs(*pairwise, family_replicates, seed, triples=composed_triples, **again)

# %% tags=["e4_f15_families"]
halved = smooth.changed(steps=group_steps, batch=batch // 2, weight_decay=2.0)
products = family_study.permutation_products(halved, group_companions, family_replicates, seed, **again)
joined = family_figures.with_products(composed, products)
save("e4_f15_families", family_figures.families, joined, sources=[products])

# %% [markdown]
# At these sizes most new rows of known pairs are answered, all those of a trivial new pair, and a third of those of a
# new pair of sums, where guessing gives a seventh; steps on the operations alone gain nothing, and there take it away.
# The sign of a factor does not help its products at this weight decay: beside it they are hardly memorised.
#
# ## What was claimed, and what we find

# %%
table()

# %% [markdown]
# ## Explore
#
# Choose among the networks that are stored: how every seed learned, what it was shown. More are trained if you like.

# %%
explore.explorer(operations="sub + add", schedule="mixed 0.5 : 0.5")
