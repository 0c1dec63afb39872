"""EC2 instances as processes of this machine, and the Auto Scaling groups that start and replace them."""
