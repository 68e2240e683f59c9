// XML through libxml2, element by element.
#pragma once

#include <stddef.h>

/// What a reader meets: the start of an element with its name, text inside of one, its end.
enum { CF_XML_START, CF_XML_TEXT, CF_XML_END };

/// Takes one thing after the other; any other return value than 0 ends the reading.
typedef int (*cf_xml_handler)(void *context, int kind, const char *text);

/// Reads a document of elements and text.
///
/// Document types and entities other than XML's own five are refused, so that nothing is expanded
/// and nothing is fetched. Returns 0 when all was read, or another number and the rest of a
/// sentence in `message`, with the line in `*line` (0 where there is none). The library is loaded
/// with the first document: who reads none does not need it.
int cf_xml_read(
    const char *bytes, size_t count, cf_xml_handler handler, void *context, int *line,
    char *message, size_t capacity);
