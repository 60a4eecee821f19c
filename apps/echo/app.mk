SRC = main.c tcp.c udp.c
NEEDS = net
LIBS =
