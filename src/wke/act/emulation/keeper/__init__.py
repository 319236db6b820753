"""The keeper: the process that makes emulated machines and holds them. Standard library only, and as few modules of it as will do."""
