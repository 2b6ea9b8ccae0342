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
static inline int lockstep_mpi_split_by_host(MPI_Comm communicator, int key, MPI_Comm *part)
{
    return MPI_Comm_split_type(communicator, MPI_COMM_TYPE_SHARED, key, MPI_INFO_NULL, part);
}
static inline int lockstep_mpi_progress(MPI_Comm communicator)
{
    int flag;
    return MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, communicator, &flag, MPI_STATUS_IGNORE);
}
