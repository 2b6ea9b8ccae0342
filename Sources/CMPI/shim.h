// MPI's constants are macros, which Swift cannot import: here they become functions.
#include <mpi.h>

static inline MPI_Comm lockstep_mpi_comm_world(void) { return MPI_COMM_WORLD; }
static inline MPI_Datatype lockstep_mpi_byte(void) { return MPI_BYTE; }
static inline MPI_Status *lockstep_mpi_status_ignore(void) { return MPI_STATUS_IGNORE; }
static inline int lockstep_mpi_success(void) { return MPI_SUCCESS; }
static inline int lockstep_mpi_undefined(void) { return MPI_UNDEFINED; }
static inline int lockstep_mpi_return_errors(MPI_Comm communicator)
{
    return MPI_Comm_set_errhandler(communicator, MPI_ERRORS_RETURN);
}
