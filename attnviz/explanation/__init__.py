"""One row of attention, every number of it: from the trace of the path that computed it, never by a second one."""
