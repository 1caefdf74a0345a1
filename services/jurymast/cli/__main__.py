from jurymast.cli.main import main

main()
