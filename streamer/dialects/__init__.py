"""One module for each platform's protocol: machines without sockets, messages in and events out."""
