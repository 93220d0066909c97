#include "MartletSystem.h"
