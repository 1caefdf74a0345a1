"""Development chains: real nodes on this machine, part of the local mesh."""
