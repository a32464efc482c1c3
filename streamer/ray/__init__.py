"""Many machines, on Ray: recognisers as a Serve application for live calls, and scans through Ray Data.

A gateway speaks HTTP to the application's ingress and needs no Ray of its own; `deployment` and `scanning` do, and are
imported only where they are used.
"""
