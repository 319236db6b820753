"""Files on disk that survive a crash: durable writes, locks, manifests."""
