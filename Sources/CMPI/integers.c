// Handles of MPICH and its relatives.
#include <stdint.h>

typedef int HANDLE;
#define CALLS cmpi_calls_of_integers
#include "calls.inc"
