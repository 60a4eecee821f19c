SRC = main.c
NEEDS =
LIBS =
