"""Where real users' traffic comes from."""
