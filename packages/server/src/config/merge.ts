/** Merges sources, object by object, and remembers where each value was written. */
export type Plain = Readonly<Record<string, unknown>>;

export interface Source {
  readonly values: Plain;
  /** The location as its author knows it: a flag, a variable, a key in a file. */
  readonly placeOf: (path: Path) => string;
}

export type Path = readonly PropertyKey[];

/** Later sources take precedence. Lists are replaced as a whole; undefined is ignored. */
export const merged = (
  sources: readonly Source[],
): { readonly value: Plain; readonly placeOf: (path: Path) => string | undefined } => ({
  value: sources.reduce<Plain>((below, source) => overlaid(below, source.values), {}),
  placeOf: (path) => sourceOf(sources, path)?.placeOf(path),
});

/** A missing key is attributed to whoever wrote the object around it. Undefined when nobody wrote anything there. */
const sourceOf = (sources: readonly Source[], path: Path): Source | undefined =>
  path.length === 0
    ? undefined
    : (sources.findLast(({ values }) => holds(values, path)) ?? sourceOf(sources, path.slice(0, -1)));

/** Settings that are merged as a unit: half of one policy and half of another would be a third that nobody wrote. */
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

/** Whether the source has a value at the path, or at a prefix of it. */
const holds = (value: unknown, path: Path): boolean => {
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
