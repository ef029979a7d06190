"""GPUs: which there are, who has them, who is next, and when they are taken back.

Spawners ask :mod:`imagine_hub.gpus.giving`; everybody else goes through :mod:`imagine_hub.gpus.allocator`.
"""
