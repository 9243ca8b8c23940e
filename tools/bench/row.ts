/** One measurement, and its bound. */

export interface Row {
  readonly what: string;
  readonly value: number;
  readonly unit: 'ms' | '×' | 'MB' | 'events/s' | 'failures';
  readonly p95?: number | undefined;
  readonly samples?: number | undefined;
  readonly bound?: Bound | undefined;
  readonly note?: string | undefined;
}

export type Bound = { readonly atMost: number } | { readonly atLeast: number };

/** A group of rows of one measurement, or why it failed. */
export interface Group {
  readonly title: string;
  readonly rows: readonly Row[];
  /** What was skipped on this machine, and why. */
  readonly absent?: readonly string[] | undefined;
}

/** Undefined when it has no bound. */
export const holds = ({ value, bound }: Row): boolean | undefined => {
  if (bound === undefined) return undefined;
  return 'atMost' in bound ? value <= bound.atMost : value >= bound.atLeast;
};
