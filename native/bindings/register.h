// What each file of this folder adds to the addon's exports.
#pragma once

#include <napi.h>

namespace canopy {}  // namespace canopy
