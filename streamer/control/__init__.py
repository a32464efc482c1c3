"""How a block is carried out on each platform, beside the socket that its audio comes in on."""
