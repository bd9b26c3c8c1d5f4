#include <xenstore.h>
#include <xengnttab.h>
#include <xenevtchn.h>
