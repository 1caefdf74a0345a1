"""The reference of the grid and of the application's economic state: what both contracts are held to. Pure."""
