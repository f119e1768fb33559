# %% [markdown]
# # Powers of small numbers

# %%
import tiny_drawing
import tiny_judging
import tiny_study

import companion.session
from companion.claims.register import record
from companion.compute.sweeps import sweep
from companion.figures.save import save
from companion.settings.types import Cluster, Count, Device, Flag, Positive, Profile, Seed

# %% tags=["parameters"]
profile: Profile = "laptop"  # parameter file that these values come from
device: Device = "auto"  # where tensors live
cluster: Cluster = "inline"  # who works on the blocks of the sweep
seed: Seed = 0  # root of the random numbers
exponent: Positive = 2.0  # power that the numbers are raised to
numbers: Count = 6  # how many numbers
blocks: Count = 4  # how many random walks
missing: Flag = False  # whether the claim's number is missing

# %%
run = companion.session.here("tiny", locals())

# %% tags=["tiny_f1_powers"]
powers = tiny_study.powers(numbers, exponent)
save(
    "tiny_f1_powers", tiny_drawing.powers(powers), powers, title="Powers", caption="Numbers and their powers."
)

# %% tags=["tiny_f1_powers"]
record(tiny_judging.grows(powers, missing), tiny_judging.GROWS)

# %% tags=["tiny_f2_walks"]
walks = sweep(tiny_study.walks, [{"walker": walker} for walker in range(blocks)], block=1, seed=seed)
summary = tiny_study.summary(walks)
save("tiny_f2_walks", tiny_drawing.walks(summary), summary, title="Walks", caption="Ends of random walks.")
