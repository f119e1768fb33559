# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Does the order of what is learned matter?
#
# Theory says that easy examples first help small networks a little, and more where a stage remembers the one before
# ([arXiv:2106.08068](https://arxiv.org/abs/2106.08068), [2406.01589](https://arxiv.org/abs/2406.01589)). Transformers
# that learn [several operations](e4_mixtures.py) forget; parities of hidden bits are the textbook case of a
# curriculum that works ([arXiv:2301.13833](https://arxiv.org/abs/2301.13833)). **Settings are ours.**

# %%
import companion.session
from companion.claims import curriculum_order as order_claims
from companion.claims import curriculum_width as width_claims
from companion.claims.protocol import decides, root_for
from companion.claims.register import record, table
from companion.explore import curricula as explore
from companion.figures import curriculum_diversity as diversity_figures
from companion.figures import curriculum_lists as list_figures
from companion.figures import curriculum_parity as parity_figures
from companion.figures import curriculum_schedules as schedule_figures
from companion.figures import curriculum_trajectories as trajectory_figures
from companion.figures.save import save
from companion.settings.types import (
    Cluster,
    Count,
    Counts,
    Device,
    Flag,
    Fractions,
    Natural,
    Naturals,
    NonNegatives,
    Positive,
    Positives,
    Profile,
    Seed,
    Texts,
)
from companion.studies import (
    curriculum_diversity,
    curriculum_lists,
    curriculum_parity,
    curriculum_schedules,
    curriculum_trajectories,
)
from companion.training.curriculum_spec import CurriculumSpec, TaskSpec
from companion.training.list_curricula import ListSpec
from companion.training.parity_curricula import ParitySpec

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
schedules: Texts = [
    "interleaved",
    "blocked",
    "reversed",
    "replay",
    "annealed",
    "gate",
    "gate yoked",
    "by loss",
]  # orders and mixtures that are compared
consolidations: Positives = [0.1]  # penalties γ on leaving the weights of the switch
fractions: Fractions = [0.6, 0.3]  # shares of the tables of addition and of subtraction
steps: Count = 1600  # steps of each schedule
replicates: Count = 4  # splits and starts
block: Count = 4  # networks in a stack
drawn_points: Count = 21  # points of a drawn curve
paths: Texts = ["interleaved", "blocked", "reversed", "annealed"]  # schedules whose paths are followed
path_points: Count = 51  # points of a path
parity_bits: Count = 12  # bits of a parity
parity_steps: Count = 700  # steps
parity_replicates: Count = 5  # hidden positions and starts
parity_strip_steps: Count = 400  # steps of the runs of the strip
parity_relevant: Counts = [2, 3]  # numbers of hidden bits of the strip
parity_biases: Fractions = [0.7, 0.95]  # first laws of the bits of the strip
parity_widths: Naturals = [0]  # widths at which the gain is measured; 0: none
parity_mixture: Natural = 0  # bits in each set of the Hamming mixture, the control; 0: none
list_companies: Texts = ["MAX", "MAX+MED"]  # operations beside addition in lists
list_widths: Counts = [8, 16, 24, 32]  # widths of the stream that learn lists
list_depth: Count = 1  # depth of the lists
list_shuffled: Flag = False  # each company once more with numbers in another order, the control
list_steps: Count = 900  # steps
list_replicates: Count = 3  # starts
diversity_prime: Count = 23  # modulus of the tasks α a + β b
diversity_counts: Counts = [1, 2, 8]  # numbers K of tasks
diversity_exponents: NonNegatives = [0.0, 1.0]  # Zipf exponents of their shares
diversity_steps: Count = 1200  # steps
diversity_replicates: Count = 3  # splits and starts

# %%
run = companion.session.here("e4_curricula", locals())
run

# %% [markdown]
# ## Does order matter at equal exposure?
#
# The same networks and rows under different weights $w(t)$ of the operations:
# $$N_i(t)=\sum_{s<t}B\,w_i(s),\qquad F_i=\max_tA_i(t)-A_i(T).$$
# The learning rate falls over the last 30 % of all steps under every schedule. First stages end before that: for the
# claim they are trained once more by themselves, with such a fall at their end. Yoked networks get another seed's gate.

# %% tags=["e4_f5_schedules", "e4_f11_trajectories", "e4_f14_task_diversity"]
network = {"width": width, "hidden": hidden, "layers": layers, "learning_rate": learning_rate, "batch": batch}

# %% tags=["e4_f5_schedules", "e4_f11_trajectories"]
both = TaskSpec(operations=("add", "sub"), fractions=fractions, prime=prime)
spec = CurriculumSpec(tasks=both, steps=steps, **network)

# %% tags=["e4_f5_schedules"]
root = root_for(profile, order_claims.CONCURRENT_BEATS_BLOCKED, seed)
compared = (schedules, consolidations, spec, replicates, root)
ordered = curriculum_schedules.schedule_comparison(*compared, block=block, drawn_points=drawn_points)
save("e4_f5_schedules", schedule_figures.schedules, ordered)

# %% [markdown]
# At $p=31$ and these lengths of stages, after one operation at a time at most the last is left; mixing to the end keeps
# the most of both. A penalty of $\gamma=.1$ on leaving the first weights does not save the first operation, it helps
# the second. The gate opens when held rows of addition are answered, and addition is forgotten all the same.
#
# ## Where do schedules go in weight space?
#
# Joint principal components from one start. A walk of equal steps alone has $\lambda_k\propto1/\sin^2(\pi k/2M)$,
# 61 % in the first ([arXiv:1806.08805](https://arxiv.org/abs/1806.08805)): shares mean something only beside walks
# with the same step lengths.

# %% tags=["e4_f11_trajectories"]
ways = curriculum_trajectories.schedule_trajectories(paths, spec, seed, points=path_points)
save("e4_f11_trajectories", trajectory_figures.trajectories, ways)

# %% [markdown]
# ## The textbook case: parity of hidden bits
#
# $y=\bigoplus_{i\in S}x_i$ with $P(x_i=1)=q(t)$, fresh rows in every step. At $q\ne\frac12$ each hidden bit alone says
# something; at $q=\frac12$ none does. Does a biased beginning help, and less so in wide networks? Both curricula of a
# seed share start, hidden bits and random numbers.

# %% tags=["e4_f5_schedules", "e4_f7_parity"]
parity = ParitySpec(bits=parity_bits, steps=parity_steps)
strip = {"relevant": parity_relevant, "biases": parity_biases, "strip_steps": parity_strip_steps}
widths = [each for each in parity_widths if each]
biased = curriculum_parity.parity_curriculum(
    parity,
    parity_replicates,
    root_for(profile, width_claims.WIDTH, seed),
    block=parity_replicates,
    widths=widths,
    mixture=parity_mixture,
    **strip,
)

# %% tags=["e4_f7_parity"]
save("e4_f7_parity", parity_figures.parity, biased)
record(width_claims.width(biased) if decides(profile, width_claims.WIDTH) else None, width_claims.WIDTH)

# %% tags=["e4_f5_schedules"]
deciding = decides(profile, order_claims.CONCURRENT_BEATS_BLOCKED)
judged = order_claims.concurrent_beats_blocked(ordered, biased) if deciding else None
record(judged, order_claims.CONCURRENT_BEATS_BLOCKED)

# %% [markdown]
# Of twelve bits four hidden ones are hardly learned from uniform bits alone, and at once where bits are biased first;
# two need no help.
#
# ## Company in lists
#
# Lists like `( ADD 3 7 1 )`, read token by token: does company of easy operations let a smaller network add
# ([arXiv:2505.18369](https://arxiv.org/abs/2505.18369))?

# %% tags=["e4_f13_list_operations"]
lists = ListSpec(steps=list_steps, depth=list_depth, weight_decay=0.5)
control = {"shuffled": list_shuffled, "block": list_replicates}
sizes = curriculum_lists.list_sizes(lists, list_companies, list_widths, list_replicates, seed, **control)
save("e4_f13_list_operations", list_figures.list_sizes, sizes)

# %% [markdown]
# At depth 1 few of the smallest networks add, and company does not help them: three seeds, no refutation.
#
# ## Many tasks of one kind
#
# $\alpha a+\beta b$ mod $p$ for $K$ pairs $(\alpha,\beta)$, each with a word of its own. Does it take as many rows of
# each, and can a network that has never met a task learn its word alone?

# %% tags=["e4_f14_task_diversity"]
tasks = TaskSpec(prime=diversity_prime, fractions=(0.7,))
diverse = CurriculumSpec(tasks=tasks, steps=diversity_steps, **network)
asked = (diversity_counts, diversity_exponents, diversity_replicates, seed)
diversity = curriculum_diversity.task_diversity(diverse, *asked, block=diversity_replicates)
save("e4_f14_task_diversity", diversity_figures.task_diversity, diversity)

# %% [markdown]
# At these sizes, the more tasks share a network, the fewer are generalised, and a new one is no mere new word.
#
# ## What was claimed, and what we find

# %%
table()

# %% [markdown]
# ## Explore
#
# Choose among the networks that are stored: how every seed learned and what it was shown, step by step.

# %%
explore.explorer(operations="add + sub", shares="f = 0.6, 0.3", schedule="blocked, order 0 1")
