// The C side of reading and writing files, behind a few plain functions: no library header leaks.
#pragma once

#include "hash.h"
#include "images.h"
#include "json.h"
#include "xml.h"
