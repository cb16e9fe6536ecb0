"""A simulated neighbourhood that buys second-hand, recycles and invites; and a small fraud ring in its midst."""
