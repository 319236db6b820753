"""API: synchronous and asynchronous faces of the engine for users' scripts; what they import is named in `wke` itself."""
