/* The log of the lxc process and its helpers: level and format as the parent says in SLUICE_LOG
 * ("info,text"). */
#ifndef LXC_SPEAK_H
#define LXC_SPEAK_H

/* who is kept by pointer. fd is not owned. */
void speak_as(const char *who, int fd);

#endif
