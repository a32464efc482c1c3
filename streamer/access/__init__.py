"""Who may do what: tokens with roles, tickets for the page's socket, where pages may come from, and TLS."""
