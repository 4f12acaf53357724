"""A strict double of a StarRocks cluster: leader and follower FE, two BEs, their MySQL ports."""
