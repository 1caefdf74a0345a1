"""The local mesh: NATS, Redis and the services as processes of one machine, started, watched and stopped by one supervisor."""
