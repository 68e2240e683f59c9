// Handles of Open MPI and of the standard interface.
#include <stdint.h>

typedef void *HANDLE;
#define CALLS cmpi_calls_of_addresses
#include "calls.inc"
