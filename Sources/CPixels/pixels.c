// The functions are inlined from the header; this file gives the target something to compile.
#include "CPixels.h"
