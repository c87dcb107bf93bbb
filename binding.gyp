# The addon is built by CMake (native/README.md). This file builds nothing: it only tells node-gyp users where to look.
{ "targets": [{ "target_name": "canopy_native", "type": "none" }] }
