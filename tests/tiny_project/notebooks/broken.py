# %% [markdown]
# # A notebook that fails

# %%
import companion.session
from companion.settings.types import Cluster, Count, Device, Profile, Seed

# %% tags=["parameters"]
profile: Profile = "laptop"  # parameter file that these values come from
device: Device = "auto"  # where tensors live
cluster: Cluster = "inline"  # who works on the blocks of a sweep
seed: Seed = 0  # root of the random numbers
divisor: Count = 1  # what is divided by

# %%
run = companion.session.here("broken", locals())

# %%
1 / (divisor - 1)
