#ifndef LOCKSTEP_PROCESSOR_H
#define LOCKSTEP_PROCESSOR_H

// Ends the program with status 2 and one line, once per job, where the processor lacks what the kernels were compiled
// for. To be called before all else, and in C: the linker may take any Swift function that modules share from the one
// that is compiled for the missing instructions.
void lockstep_require_processor(void);

// How many processors this process may run on: those of the machine, less where a launcher or a batch system has bound it.
int lockstep_available_processors(void);

#endif
