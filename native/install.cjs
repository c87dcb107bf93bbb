/**
 * npm's install script: builds the addon for processors, and never fails an installation. CUDA is left to
 * `npm run build:native`: its kernels take longer than an installation should, and an nvcc that refuses the host's
 * compiler would cost the rest of the addon. An addon with CUDA that is there is built again with CUDA, or left alone.
 */
const { buildAddon, hasCuda } = require("./build.cjs");

buildAddon({ cuda: hasCuda() ? "ON" : "OFF" }).then(
  (reason) => {
    if (reason !== undefined) help(reason);
  },
  (error) => help(error.message),
);

function help(reason) {
  process.stderr.write(
    `canopy: the native addon was not built: ${reason}. Simulating, comparing and reporting need none of it; ` +
      "measuring a host and fast training do: npm run build:native says more.\n",
  );
}
