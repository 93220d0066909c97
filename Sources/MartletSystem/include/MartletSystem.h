// The system calls and processor instructions that Swift cannot reach.
#ifndef MARTLET_SYSTEM_H
#define MARTLET_SYSTEM_H

#include "MartletMemory.h"
#include "MartletProcessor.h"
#include "MartletThreads.h"

#endif
