"""config.toml: targets, options, preludes, copies, and the steps that use them."""
