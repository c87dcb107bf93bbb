/** JSON for reading: arrays of scalars and flat objects inside arrays take one line each. */
export function profileText(value: unknown): string {
  return `${render(value, "")}\n`;
}

const WIDTH = 110;

function render(value: unknown, indent: string): string {
  if (isScalar(value)) return JSON.stringify(value);
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    if (value.every(isScalar)) return `[${value.map((item) => JSON.stringify(item)).join(", ")}]`;
    return `[\n${value.map((item) => inner + (isFlat(item) ? oneLine(item) : render(item, inner))).join(",\n")}\n${indent}]`;
  }
  if (isFlat(value) && oneLine(value).length + indent.length <= WIDTH) return oneLine(value);
  const fields = Object.entries(value as object).map(
    ([key, field]) => `${inner}${JSON.stringify(key)}: ${render(field, inner)}`,
  );
  return `{\n${fields.join(",\n")}\n${indent}}`;
}

function oneLine(value: unknown): string {
  if (Array.isArray(value)) return render(value, "");
  const fields = Object.entries(value as object).map(
    ([key, field]) => `${JSON.stringify(key)}: ${JSON.stringify(field)}`,
  );
  return `{ ${fields.join(", ")} }`;
}

function isScalar(value: unknown): boolean {
  return value === null || typeof value !== "object";
}

function isFlat(value: unknown): boolean {
  return !isScalar(value) && Object.values(value as object).every(isScalar);
}
