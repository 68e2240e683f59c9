#include "xml.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>

// The part of libxml2 that is used, declared as its documentation does: the functions are the same
// in all versions, while the file's name is not, and Debian keeps the headers apart.
typedef void *reader;
static void (*init_parser)(void);
static reader (*for_memory)(const char *, int, const char *, const char *, int);
static int (*next)(reader);
static int (*node_type)(reader);
static int (*is_empty)(reader);
static const unsigned char *(*local_name)(reader);
static const unsigned char *(*value_of)(reader);
static int (*line_number)(reader);
static void (*free_reader)(reader);
static pthread_once_t once = PTHREAD_ONCE_INIT;

enum { NO_ERROR_TEXT = 1 << 5, NO_WARNING_TEXT = 1 << 6, NO_NETWORK = 1 << 11 };
enum {
  ELEMENT = 1, TEXT = 3, CDATA = 4, ENTITY_REFERENCE = 5, ENTITY = 6, DOCUMENT_TYPE = 10,
  END_ELEMENT = 15, END_ENTITY = 16
};

static void load(void) {
  static const char *const names[] = {
      "libxml2.so.2", "libxml2.so.16", "libxml2.so", "libxml2.2.dylib", "libxml2.dylib"};
  void *library = NULL;
  for (size_t i = 0; !library && i < sizeof names / sizeof *names; i++)
    library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
  if (!library) return;
  *(void **)&init_parser = dlsym(library, "xmlInitParser");
  *(void **)&for_memory = dlsym(library, "xmlReaderForMemory");
  *(void **)&next = dlsym(library, "xmlTextReaderRead");
  *(void **)&node_type = dlsym(library, "xmlTextReaderNodeType");
  *(void **)&is_empty = dlsym(library, "xmlTextReaderIsEmptyElement");
  *(void **)&local_name = dlsym(library, "xmlTextReaderConstLocalName");
  *(void **)&value_of = dlsym(library, "xmlTextReaderConstValue");
  *(void **)&line_number = dlsym(library, "xmlTextReaderGetParserLineNumber");
  *(void **)&free_reader = dlsym(library, "xmlFreeTextReader");
  if (init_parser) init_parser();
}

int cf_xml_read(
    const char *bytes, size_t count, cf_xml_handler handler, void *context, int *line,
    char *message, size_t capacity) {
  *line = 0;
  pthread_once(&once, load);
  if (!init_parser || !for_memory || !next || !node_type || !is_empty || !local_name ||
      !value_of || !line_number || !free_reader) {
    snprintf(message, capacity, "is XML, and libxml2, which reads it, could not be loaded");
    return 2;
  }
  if (count > INT_MAX) {
    snprintf(message, capacity, "is XML of more than 2 GiB");
    return 1;
  }
  reader document =
      for_memory(bytes, (int)count, NULL, NULL, NO_ERROR_TEXT | NO_WARNING_TEXT | NO_NETWORK);
  if (!document) {
    snprintf(message, capacity, "is no XML");
    return 1;
  }
  const char *problem = NULL;
  int got;
  while (!problem && (got = next(document)) == 1) {
    int stops = 0;
    switch (node_type(document)) {
    case ELEMENT:
      stops = handler(context, CF_XML_START, (const char *)local_name(document));
      if (!stops && is_empty(document)) stops = handler(context, CF_XML_END, "");
      break;
    case END_ELEMENT: stops = handler(context, CF_XML_END, ""); break;
    case TEXT:
    case CDATA: {
      const char *text = (const char *)value_of(document);
      if (text) stops = handler(context, CF_XML_TEXT, text);
      break;
    }
    case DOCUMENT_TYPE: problem = "declares a document type, which annotations have no use for"; break;
    case ENTITY_REFERENCE:
    case ENTITY:
    case END_ENTITY: problem = "refers to an entity, which annotations have no use for"; break;
    default: break;
    }
    if (stops) problem = "nests or repeats its elements beyond all annotations";
  }
  if (!problem && got != 0) problem = "is no well-formed XML";
  if (problem) {
    *line = line_number(document);
    snprintf(message, capacity, "%s", problem);
  }
  free_reader(document);
  return problem != NULL;
}
