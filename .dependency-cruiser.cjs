/**
 * The layers of the house, lowest first. A folder may import from its own layer's folder and from layers
 * below it; never from a sibling of the same layer unless listed in `siblings`.
 */
const layers = [
  ["numeric", "native", "data"],
  ["profile", "workload", "signal", "fleet"],
  ["datacenter", "learning"],
  ["routers"],
  ["simulator"],
  ["metrics", "experiment", "sweep", "report", "overhead", "validation", "capacity", "explain"],
  ["cli"],
];
/** Imports allowed inside one layer. */
const siblings = {
  fleet: ["profile", "signal"],
  experiment: ["metrics"],
  sweep: ["experiment", "metrics"],
  report: ["experiment", "metrics", "sweep"],
  overhead: ["experiment", "metrics", "report", "sweep"],
  validation: ["report"],
  capacity: ["experiment", "metrics", "report", "sweep"],
  explain: ["experiment", "metrics", "report", "sweep"],
};

const rank = new Map(layers.flatMap((names, i) => names.map((n) => [n, i])));
const forbidden = [...rank.keys()].map((name) => {
  const allowed = [...rank.keys()].filter(
    (other) => other === name || rank.get(other) < rank.get(name) || (siblings[name] ?? []).includes(other),
  );
  return {
    name: `layer-${name}`,
    comment: `src/${name} may import only: ${allowed.join(", ")}`,
    severity: "error",
    from: { path: `^src/${name}/` },
    to: { path: "^src/[^/]+/", pathNot: `^src/(${allowed.join("|")})/` },
  };
});

module.exports = {
  forbidden: [
    ...forbidden,
    {
      name: "no-circular",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      name: "routers-see-only-the-contract",
      comment: "A router never reaches the simulator: it sees the world through routers/contract.ts.",
      severity: "error",
      from: { path: "^src/routers/" },
      to: { path: "^src/simulator/" },
    },
    {
      name: "oracle-is-independent",
      comment: "The naive simulator shares only types and the law with the fast path.",
      severity: "error",
      from: { path: "^test/oracle/" },
      to: { path: "^src/simulator/", pathNot: "^src/simulator/(types|options|sink)\\.ts$" },
    },
    { name: "src-never-imports-test", severity: "error", from: { path: "^src/" }, to: { path: "^test/" } },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { extensions: [".ts", ".js", ".mjs", ".cjs"] },
  },
};
