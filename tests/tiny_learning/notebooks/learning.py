# %% [markdown]
# # Trainings that take their time

# %%
import tiny_training

import companion.session
from companion.compute.sweeps import sweep
from companion.settings.types import Cluster, Count, Device, Profile, Seed

# %% tags=["parameters"]
profile: Profile = "laptop"  # parameter file that these values come from
device: Device = "auto"  # where tensors live
cluster: Cluster = "inline"  # who works on the blocks of the sweep
seed: Seed = 0  # root of the random numbers
steps: Count = 1500  # training steps
starts: Count = 2  # how many trainings

# %%
run = companion.session.here("learning", locals())

# %%
conditions = [{"start": start} for start in range(starts)]
learned = sweep(tiny_training.learned, conditions, block=1, steps=steps, seed=seed)
