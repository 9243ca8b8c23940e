/** Lays sources over each other, object by object, and remembers which source each value came from. */
export type Plain = Readonly<Record<string, unknown>>;

export interface Source {
  readonly name: string;
  readonly values: Plain;
}

/** Later sources win. Lists are replaced as a whole; undefined says nothing. */
export const merged = (
  sources: readonly Source[],
): { readonly value: Plain; readonly sourceOf: (path: readonly PropertyKey[]) => string } => ({
  value: sources.reduce<Plain>((below, source) => overlaid(below, source.values), {}),
  sourceOf: (path) => sources.findLast((source) => holds(source.values, path))?.name ?? 'defaults',
});

/** Settings that are one value: half of one policy and half of another would be a third that nobody wrote. */
const WHOLE: readonly string[] = ['egress'];

const overlaid = (below: Plain, above: Plain): Plain => {
  const entries = Object.entries(above)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => {
      const old = Object.hasOwn(below, key) && !WHOLE.includes(key) ? below[key] : undefined;
      return [key, isPlain(value) ? overlaid(isPlain(old) ? old : {}, value) : value];
    });
  return { ...below, ...Object.fromEntries(entries) };
};

/** Whether the source says something at the path, or at the place where the path ends early. */
const holds = (value: unknown, path: readonly PropertyKey[]): boolean => {
  let here = value;
  for (const part of path) {
    if (typeof here !== 'object' || here === null) return true;
    if (!Object.hasOwn(here, part)) return false;
    here = (here as Readonly<Record<PropertyKey, unknown>>)[part];
  }
  return here !== undefined;
};

const isPlain = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
