// The system calls and processor instructions that Swift cannot reach.
#ifndef MARTLET_SYSTEM_H
#define MARTLET_SYSTEM_H

#include "MartletBlocks.h"
#include "MartletCSV.h"
#include "MartletCells.h"
#include "MartletMemory.h"
#include "MartletNetwork.h"
#include "MartletPowers.h"
#include "MartletProcesses.h"
#include "MartletProcessor.h"
#include "MartletSignals.h"
#include "MartletTerminal.h"
#include "MartletThreads.h"
#include "MartletUnnamedFile.h"
#include "MartletUsage.h"

#endif
