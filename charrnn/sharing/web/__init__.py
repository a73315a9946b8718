"""A page that runs a model in a browser, with no server and no network."""
