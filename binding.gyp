# For tools that look for node-gyp (node-gyp rebuild, electron-rebuild): the same build as npm run build:native.
{
  "targets": [{
    "target_name": "canopy_native",
    "type": "none",
    "actions": [{
      "action_name": "cmake_js",
      "message": "native/build.cjs",
      "inputs": ["native/CMakeLists.txt"],
      "outputs": ["native/build/Release/canopy_native.node"],
      "action": ["node", "native/build.cjs"],
    }],
  }],
}
