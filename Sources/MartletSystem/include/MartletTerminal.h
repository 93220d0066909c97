// What standard error and standard output are connected to.
#ifndef MARTLET_TERMINAL_H
#define MARTLET_TERMINAL_H

/// The columns of the terminal behind `descriptor`, or 0 when it is none or does not tell.
int martlet_terminal_columns(int descriptor);

#endif
