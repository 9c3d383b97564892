"""The models that come inside packages and run on this host's CPU. With them nothing leaves the host."""
