"""Every subject and payload of Jurymast, one file per subject family. Nothing else defines either."""
